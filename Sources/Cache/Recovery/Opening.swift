import Glibc
import Logging
import OCI

/// What happens when a cache is opened, also after a crash, from top to bottom in ``run()``.
///
/// Killed at any point it is done again by the next opening, with the same outcome. Whoever has the store's lock alone
/// looks at the index thoroughly and mends it (``IndexRepair``); beside others the index is only opened, because they
/// looked when they came, and a check would hold up their writing.
struct Opening: Sendable {
    let configuration: CacheConfiguration

    /// - Returns: the cache, and the shared store lock.
    /// - Throws: ``CacheError``; `CancellationError`.
    func run() async throws -> (ContentCache, OpenFile) {
        do {
            return try await open()
        } catch let error as SystemError {
            throw CacheError(error, "open the cache", path: configuration.directory)
        }
    }

    private func open() async throws -> (ContentCache, OpenFile) {
        if configuration.mayBeReadOnly, ReadOnlyOpening.isOutOfReach(configuration.directory) {
            return try await ReadOnlyOpening(configuration: configuration).run()
        }
        // Looking creates nothing, and nothing foreign is written over.
        try CachePlace.check(configuration.directory, configuration.mode)
        let directory = try StoreDirectory(path: configuration.directory)
        let locks = StoreLocks(
            directory: directory.locks,
            clock: configuration.clock,
            pulse: configuration.pulse,
            timeout: configuration.lockTimeout,
            logger: configuration.logger
        )
        let ballast = Ballast(directory, isInUse: configuration.makesRoom, logger: configuration.logger)
        let (index, lock) = try await openIndex(directory, locks, ballast)
        let cache = ContentCache(Store(configuration, directory, locks, index, ballast))
        try await ImageLayout(store: cache.store).complete()
        // Leases and partials of processes that died, deletions that they began.
        try await Tidying(store: cache.store).run()
        return (cache, lock)
    }

    /// Opens the index under the shared store lock; mended before, if nobody else has the cache open.
    private func openIndex(
        _ directory: StoreDirectory,
        _ locks: StoreLocks,
        _ ballast: Ballast
    ) async throws -> (CacheIndex, OpenFile) {
        var lock: OpenFile
        if let alone = try locks.tryAcquire("store", .exclusive) {
            lock = try await repair(directory, locks, ballast, alone)
        } else {
            lock = try await locks.acquire("store", .shared)
        }
        for _ in 0..<2 {
            switch try await blocking({ try usableIndex(IndexFiles(directory: directory)) }) {
            case .usable(let index): return (index, lock)
            case .unusable(let reason):
                lock.unlock()
                lock = try await repair(directory, locks, ballast, alone(locks, reason))
            }
        }
        throw CacheError(
            .damagedIndex,
            "open the cache",
            path: directory.path,
            "its index is damaged again right after it was mended; check the disk and its file system"
        )
    }

    private func repair(
        _ directory: StoreDirectory,
        _ locks: StoreLocks,
        _ ballast: Ballast,
        _ alone: OpenFile
    ) async throws -> OpenFile {
        let repair = IndexRepair(directory: directory, configuration: configuration, ballast: ballast)
        try await Patience.givingSigns(configuration.pulse, alone.touch) {
            try await ballast.use { try await blocking { try repair.run() } }
        }
        // Not atomic: another process may look at the index in between, and finds everything done.
        return try alone.tryLock(.shared) ? alone : try await locks.acquire("store", .shared)
    }

    /// Waits until nobody else has the cache open.
    private func alone(_ locks: StoreLocks, _ reason: String) async throws -> OpenFile {
        do {
            return try await locks.acquire("store", .exclusive)
        } catch let error as CacheError where error.kind == .locked {
            throw CacheError(
                .locked,
                "open the cache",
                path: configuration.directory,
                "its index \(reason), which is only done while nobody else has the cache open; \(error.reason)",
                cause: error
            )
        }
    }
}

extension Opening {
    private enum Found: Sendable {
        case usable(CacheIndex)
        /// Says what is wrong and will be done.
        case unusable(String)
    }

    /// Opens the index without looking at more of it than tells that it can be used.
    private func usableIndex(_ files: IndexFiles) throws -> Found {
        guard try files.check() else { return .unusable("is missing and must be rebuilt") }
        guard try !files.isCondemned() else { return .unusable("was found damaged and must be rebuilt") }
        do {
            let index = try CacheIndex(path: files.path)
            guard try index.schemaState() == .current else {
                return .unusable("is of an older version and must be upgraded")
            }
            let backups = IndexBackups(directory: files.directory.backup, logger: configuration.logger)
            guard try !backups.areAhead(of: index, of: files.directory) else {
                return .unusable("is older than its backups and must be rebuilt")
            }
            // One that failed once may be sound: a thorough check is for whoever comes alone.
            if try files.isSuspect() { _ = try NameWalk(index: index).tagsBlocking() }
            return .usable(index)
        } catch let error as CacheError where error.kind == .damagedIndex {
            return .unusable("is damaged and must be rebuilt")
        }
    }
}
