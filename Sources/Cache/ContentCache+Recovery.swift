import FoundationEssentials
import GRDB
import Glibc
import Logging
import OCI

extension ContentCache {
    /// A partial that nobody has touched for this many seconds is given up.
    static let partialLifetime: Int64 = 24 * 3600

    /// Tidies what processes left behind that died.
    ///
    /// Quick, whatever the cache holds, and safe to repeat.
    func recover() throws {
        try removeDeadLeases()
        try removeOldPartials()
        try settleDeletions()
    }

    private func removeDeadLeases() throws {
        var dead: [String] = []
        let recorded = try index.leases()
        let files = Set(try directory.leases.names())
        for name in files where try Self.isFree(name, in: directory.leases) {
            try directory.leases.remove(name)
            dead.append(name)
        }
        try index.release(dead.filter(recorded.contains) + recorded.filter { !files.contains($0) })
    }

    private func removeOldPartials() throws {
        let now = configuration.now()
        for name in try directory.ingest.names() {
            guard let status = try directory.ingest.status(name), status.isRegular,
                now - status.modifiedAt > Self.partialLifetime, try Self.isFree(name, in: directory.ingest)
            else { continue }
            try directory.ingest.remove(name)
        }
    }

    /// Finishes deletions that were begun, or takes them back where something refers to the blob again.
    private func settleDeletions() throws {
        for digest in try index.deletions() {
            guard let lock = try locks.tryAcquire(StoreLocks.shard(digest), .exclusive) else { continue }
            defer { lock.unlock() }
            let exists = try directory.blobs(digest.algorithm).status(digest.hex) != nil
            guard try !index.revertDeletion(digest, fileExists: exists) else { continue }
            try directory.blobs(digest.algorithm).remove(digest.hex)
            try index.finishDeletion(digest)
        }
    }

    private static func isFree(_ name: String, in directory: Directory) throws -> Bool {
        do throws(SystemError) {
            return try directory.openFile(name, flags: O_RDONLY).tryLock(.exclusive)
        } catch {
            guard error.code == ENOENT || error.code == ELOOP || error.code == EACCES else { throw error }
            return false
        }
    }
}

extension CacheIndex {
    /// Blobs whose deletion was begun.
    func deletions() throws(CacheError) -> [Digest] {
        try read { db in
            try Data.fetchAll(db, sql: "SELECT digest FROM blobs WHERE state = 'deleting' AND state <> 'ok'")
                .compactMap(Digest.init(key:))
        }
    }

    /// Takes a deletion back if anything refers to the blob.
    ///
    /// - Returns: whether something does.
    func revertDeletion(_ digest: Digest, fileExists: Bool) throws(CacheError) -> Bool {
        try write { db in
            let isReferenced = try Bool.fetchOne(
                db,
                sql: """
                    SELECT EXISTS (SELECT 1 FROM tags WHERE digest = ?1)
                        OR EXISTS (SELECT 1 FROM edges WHERE child = ?1 AND kind <> 'subject')
                        OR EXISTS (SELECT 1 FROM lease_items WHERE digest = ?1)
                    """,
                arguments: [digest.key]
            )
            guard isReferenced == true else { return false }
            try db.execute(
                sql: "UPDATE blobs SET state = ? WHERE digest = ?",
                arguments: [fileExists ? "ok" : "missing", digest.key]
            )
            return true
        }
    }

    func finishDeletion(_ digest: Digest) throws(CacheError) {
        try write { db in
            try db.execute(
                sql: "DELETE FROM blobs WHERE digest = ? AND state = 'deleting'",
                arguments: [digest.key]
            )
        }
    }
}
