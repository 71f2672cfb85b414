import Logging

extension ContentCache {
    /// Ends what the scope held; failures are logged, because what matters is durable already.
    func close(_ storeLock: OpenFile) async {
        do {
            if !health.isFailed { try await blobs.settleLooks() }
        } catch {
            configuration.logger.warning("blobs that were met were not recorded", metadata: ["error": "\(error)"])
        }
        do {
            if index.writeCount > 0, !health.isFailed { try await recovery.backUp() }
        } catch {
            configuration.logger.warning("the index was not backed up", metadata: ["error": "\(error)"])
        }
        do {
            try await blocking { [self] in
                let hadLease = lease.end()
                // The next process that opens it finds out what is left to do.
                guard !health.isFailed else { return }
                if hadLease { try index.write { try $0.leases.release([lease.id]) } }
                // Whoever can have the lock alone is the last user.
                let isDue = try !isReadOnly && (index.writeCount > 0 || !directory.hasIndexSum())
                let isLast = try isDue && storeLock.tryLock(.exclusive)
                if isLast { try index.markClean() }
                try index.close()
                if isLast { try directory.writeIndexSum() }
            }
        } catch {
            configuration.logger.warning("the cache was not closed in order", metadata: ["error": "\(error)"])
        }
        storeLock.unlock()
    }
}
