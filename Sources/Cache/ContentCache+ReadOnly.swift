import Glibc
import Logging
import OCI

extension ContentCache {
    /// Whether this user cannot write a cache that is there: its disk is read-only, or it is somebody else's.
    static func isOutOfReach(_ path: String) -> Bool {
        guard access("\(path)/\(CacheIndex.fileName)", F_OK) == 0 else { return false }
        return access(path, W_OK) != 0 && (errno == EROFS || errno == EACCES || errno == EPERM)
    }

    /// Opens a cache for reading alone: nothing is created, locked for others, recovered or noted.
    ///
    /// - Throws: ``CacheError``; also when only a writer could make the index readable.
    static func openForReading(_ configuration: CacheConfiguration) async throws -> (ContentCache, OpenFile) {
        let directory = try StoreDirectory(readOnly: configuration.directory)
        let locks = StoreLocks(
            directory: directory.locks,
            clock: configuration.clock,
            timeout: configuration.lockTimeout
        )
        let index = try await blocking { try readableIndex(directory) }
        configuration.logger.info(
            "the cache cannot be written, so it is only read",
            metadata: ["directory": "\(directory.path.displaySafe(limit: 1024))"]
        )
        let cache = ContentCache(configuration, directory, locks, index, isReadOnly: true)
        // As a sign to writers that somebody reads, where that is possible.
        let lock = try? directory.locks.openFile("store", flags: O_RDONLY)
        _ = try? lock?.tryLock(.shared)
        return (cache, lock ?? directory.root.file)
    }

    private static func readableIndex(_ directory: StoreDirectory) throws -> CacheIndex {
        let path = "\(directory.path)/\(CacheIndex.fileName)"
        let refusal = { (reason: String) in
            CacheError(.permission, "open the cache for reading", path: directory.path, reason)
        }
        do {
            let index = try CacheIndex(path: path, isReadOnly: true)
            guard try index.schemaState() == .current else {
                throw refusal("an older imglife wrote its index; open it once where it can be written")
            }
            return index
        } catch let error as CacheError {
            let journal = try? directory.root.status("\(CacheIndex.fileName)-journal")
            guard error.kind != .newerSchema, let journal, journal.size > 0 else { throw error }
            throw refusal(
                "a write to its index was interrupted and must be undone; open it once where it can be written"
            )
        }
    }
}
