import Logging

/// Ends what a cache's scope held.
struct Closing: Sendable {
    let store: Store

    /// Ends the work under way, when nothing new begins any more.
    func finishWork() async {
        do {
            if !store.health.isFailed { try await store.blobs.settleLooks() }
        } catch {
            store.configuration.logger.warning("blobs that were met were not recorded", metadata: ["error": "\(error)"])
        }
        store.commits.finish()
    }

    /// Gives up what was held, also in a task that was cancelled; what is left of it ends with the process at the latest.
    func release() async {
        do {
            try await blocking { try endLease() }
        } catch {
            store.configuration.logger.warning("what was needed stays protected", metadata: ["error": "\(error)"])
        }
    }

    /// Failures are logged, because what matters is durable already.
    func run(_ storeLock: OpenFile) async {
        do {
            if store.index.writeCount > 0, !store.health.isFailed { try await Recovery(store: store).backUp() }
        } catch {
            store.configuration.logger.warning("the index was not backed up", metadata: ["error": "\(error)"])
        }
        do {
            try await blocking { try end(storeLock) }
        } catch {
            store.configuration.logger.warning("the cache was not closed in order", metadata: ["error": "\(error)"])
        }
        if store.configuration.makesRoom { store.ballast.end() }
        storeLock.unlock()
    }

    private func end(_ storeLock: OpenFile) throws {
        let index = store.index
        try endLease()
        // The next process that opens it finds out what is left to do.
        guard !store.health.isFailed else { return }
        // Whoever can have the lock alone is the last user.
        let files = IndexFiles(directory: store.directory)
        let isDue = try !store.isReadOnly && (index.writeCount > 0 || !files.hasSum())
        let isLast = try isDue && storeLock.tryLock(.exclusive)
        if isLast { try index.markClean() }
        try index.close()
        guard isLast, try !files.writeSum(storeLock) else { return }
        // Once more, after somebody who could not close the index as the last one.
        let written = try CacheIndex(path: files.path)
        try written.markClean()
        try written.close()
        _ = try files.writeSum(storeLock)
    }

    private func endLease() throws {
        guard store.lease.end(), !store.health.isFailed else { return }
        try LeaseRows.release([store.lease.id], in: store.index)
    }
}
