import Glibc
import Logging
import OCI

/// Opens a cache that this user cannot write, for reading alone.
struct ReadOnlyOpening: Sendable {
    let configuration: CacheConfiguration

    /// Whether this user cannot write a cache that is there: its disk is read-only, or it is somebody else's.
    static func isOutOfReach(_ path: String) -> Bool {
        guard access("\(path)/\(CacheIndex.fileName)", F_OK) == 0 else { return false }
        return access(path, W_OK) != 0 && (errno == EROFS || errno == EACCES || errno == EPERM)
    }

    /// Opens a cache for reading alone: nothing is created, locked for others, recovered or noted.
    ///
    /// - Throws: ``CacheError``; also when only a writer could make the index readable.
    func run() async throws -> (ContentCache, OpenFile) {
        let directory = try StoreDirectory(readOnly: configuration.directory)
        let locks = StoreLocks(
            directory: directory.locks,
            clock: configuration.clock,
            pulse: configuration.pulse,
            timeout: configuration.lockTimeout,
            logger: configuration.logger
        )
        // Also as a sign to writers that somebody reads, where that is possible.
        let lock = try? directory.locks.openFile("store", flags: O_RDONLY)
        let index = try await blocking {
            if let lock, try lock.tryLock(.exclusive), try IndexFiles(directory: directory).alteration() != nil {
                throw Self.refusal(.damagedIndex, directory, "its index is not what was written; \(Self.repair)")
            }
            let index = try Self.readableIndex(directory)
            let backups = IndexBackups(directory: directory.backup, logger: configuration.logger)
            guard try !backups.areAhead(of: index, of: directory) else {
                throw Self.refusal(.damagedIndex, directory, "its index is older than its backups; \(Self.repair)")
            }
            return index
        }
        configuration.logger.info(
            "the cache cannot be written, so it is only read",
            metadata: ["directory": "\(directory.path.displaySafe(limit: 1024))"]
        )
        let ballast = Ballast(directory, isInUse: configuration.makesRoom, logger: configuration.logger)
        let cache = ContentCache(Store(configuration, directory, locks, index, ballast, isReadOnly: true))
        _ = try? lock?.tryLock(.shared)
        return (cache, lock ?? directory.root.file)
    }

    private static func readableIndex(_ directory: StoreDirectory) throws -> CacheIndex {
        let files = IndexFiles(directory: directory)
        _ = try files.check()
        do {
            let index = try CacheIndex(path: files.path, isReadOnly: true)
            guard try index.schemaState() == .current else {
                throw Self.refusal(.permission, directory, "an older imglife wrote its index; \(remedy)")
            }
            return index
        } catch let error as CacheError {
            let journal = try? directory.root.status("\(CacheIndex.fileName)-journal")
            if error.kind == .newerSchema { throw error }
            if let journal, journal.size > 0 {
                throw Self.refusal(
                    .permission,
                    directory,
                    "a write to its index was interrupted and must be undone; \(remedy)"
                )
            }
            guard error.kind == .damagedIndex else { throw error }
            throw Self.refusal(.damagedIndex, directory, "its index is damaged; \(repair)")
        }
    }

    private static let remedy = "open it once where it can be written"
    private static let repair = "\(remedy), which rebuilds it"

    private static func refusal(_ kind: CacheError.Kind, _ directory: StoreDirectory, _ reason: String) -> CacheError {
        CacheError(kind, "open the cache for reading", path: directory.path, reason)
    }
}
