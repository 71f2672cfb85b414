import Glibc
import Logging
import NIOCore
import OCI

extension ContentCache {
    /// Opens a cache, and initialises, upgrades or recovers it where that is due.
    ///
    /// - Returns: the cache, and the shared store lock.
    static func open(_ configuration: CacheConfiguration) async throws -> (ContentCache, OpenFile) {
        if configuration.mayBeReadOnly, isOutOfReach(configuration.directory) {
            return try await openForReading(configuration)
        }
        let directory = try StoreDirectory(path: configuration.directory)
        let locks = StoreLocks(
            directory: directory.locks,
            clock: configuration.clock,
            timeout: configuration.lockTimeout
        )
        var lock = try await locks.acquire("store", .shared)
        var opened = try await openIndex(directory)
        if opened == nil {
            lock.unlock()
            lock = try await locks.acquire("store", .exclusive)
            let initialization = Initialization(directory: directory, configuration: configuration)
            opened = try await blocking { try initialization.run() }
            // Not atomic: another process may initialise in between, and finds everything done.
            if try !lock.tryLock(.shared) { lock = try await locks.acquire("store", .shared) }
        }
        guard let opened else { preconditionFailure("an initialised index is open") }
        let cache = ContentCache(configuration, directory, locks, opened)
        try await blocking { try cache.recover() }
        return (cache, lock)
    }

    /// - Returns: `nil` when the index is missing, outdated, damaged or perhaps damaged.
    private static func openIndex(_ directory: StoreDirectory) async throws -> CacheIndex? {
        try await blocking { () -> CacheIndex? in
            guard try directory.root.status(CacheIndex.fileName) != nil,
                try directory.root.status("oci-layout") != nil, try directory.root.status("index.json") != nil,
                try !directory.isIndexSuspect()
            else { return nil }
            do {
                let index = try CacheIndex(path: "\(directory.path)/\(CacheIndex.fileName)")
                guard try index.schemaState() == .current else { return nil }
                if try index.wasClosedCleanly() { return index }
                return try index.passesQuickCheck() ? index : nil
            } catch let error as CacheError where error.kind == .damagedIndex {
                return nil
            }
        }
    }

    /// Ends what the scope held; failures are logged, because what matters is durable already.
    func close(_ storeLock: OpenFile) async {
        do {
            if index.writeCount > 0, !health.isFailed { try await backUpIndex() }
        } catch {
            configuration.logger.warning("the index was not backed up", metadata: ["error": "\(error)"])
        }
        do {
            try await blocking { [self] in
                let hadLease = lease.end()
                // The next process that opens it finds out what is left to do.
                guard !health.isFailed else { return }
                if hadLease { try index.release([lease.id]) }
                // Whoever can have the lock alone is the last user.
                if index.writeCount > 0, try storeLock.tryLock(.exclusive) { try index.markClean() }
                try index.close()
            }
        } catch {
            configuration.logger.warning("the cache was not closed in order", metadata: ["error": "\(error)"])
        }
        storeLock.unlock()
    }
}
