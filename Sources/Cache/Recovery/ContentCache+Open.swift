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
        var (lock, isAltered) = try await compareIndex(directory, locks)
        var opened = isAltered ? nil : try await openIndex(directory)
        if opened == nil {
            if !isAltered {
                lock.unlock()
                lock = try await locks.acquire("store", .exclusive)
            }
            let initialization = Initialization(
                directory: directory,
                configuration: configuration,
                isAltered: isAltered
            )
            opened = try await blocking { try initialization.run() }
            lock = try await shared(lock, locks)
        }
        guard let opened else { preconditionFailure("an initialised index is open") }
        let cache = ContentCache(Store(configuration, directory, locks, opened))
        try await blocking { try cache.recover() }
        return (cache, lock)
    }

    /// Compares the index with its sum, if there is one and nobody else has the cache open.
    ///
    /// Whoever has it open was alone once, or came after one that was.
    ///
    /// - Returns: the store's lock, shared, or exclusive when the index is not what the last process left.
    private static func compareIndex(
        _ directory: StoreDirectory,
        _ locks: StoreLocks
    ) async throws -> (OpenFile, isAltered: Bool) {
        guard try directory.hasIndexSum(), let lock = try locks.tryAcquire("store", .exclusive) else {
            return (try await locks.acquire("store", .shared), false)
        }
        if try await blocking({ try directory.isIndexAltered() }) { return (lock, true) }
        return (try await shared(lock, locks), false)
    }

    /// Not atomic: another process may initialise in between, and finds everything done.
    private static func shared(_ lock: OpenFile, _ locks: StoreLocks) async throws -> OpenFile {
        try lock.tryLock(.shared) ? lock : try await locks.acquire("store", .shared)
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
                return try index.passesQuickCheck() ? index.afterCheck : nil
            } catch let error as CacheError where error.kind == .damagedIndex {
                return nil
            }
        }
    }

    /// Ends what the scope held; failures are logged, because what matters is durable already.
    func close(_ storeLock: OpenFile) async {
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
                let isLast = try (index.writeCount > 0 || index.wasChecked) && storeLock.tryLock(.exclusive)
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
