import FoundationEssentials
import GRDB
import Glibc
import Logging
import OCI

extension ContentCache {
    /// Tidies what processes left behind that died.
    ///
    /// Quick, whatever the cache holds, and safe to repeat.
    func recover() throws {
        try removeDeadLeases()
        try index.expireImports(at: configuration.now())
        _ = try removeOldPartials(isDryRun: false)
        try settleDeletions()
        layBallast()
    }

    /// Removes the leases of owners that died; what they protected is anybody's again.
    func removeDeadLeases() throws {
        var dead: [String] = []
        let recorded = try index.leases()
        let files = Set(try StoreDirectory.names(in: directory.leases))
        for name in files {
            // Held while the file is removed, because its owner may be about to lock what it has just created.
            guard let lock = try directory.leases.lockIfFree(name) else { continue }
            try directory.leases.remove(name)
            lock.unlock()
            dead.append(name)
        }
        try index.release(dead.filter(recorded.contains) + recorded.filter { !files.contains($0) })
    }

    /// Finishes deletions that were begun, or takes them back where something refers to the blob again.
    private func settleDeletions() throws {
        for digest in try index.deletions() {
            guard let lock = try locks.tryAcquire(StoreLocks.shard(digest), .exclusive) else { continue }
            defer { lock.unlock() }
            try settleDeletion(digest)
        }
    }

    /// Waits for whoever is deleting a blob, and settles what one that died has left.
    func awaitDeletion(_ digest: Digest) async throws {
        let lock = try await locks.acquire(StoreLocks.shard(digest), .exclusive)
        defer { lock.unlock() }
        try await blocking { [self] in try settleDeletion(digest) }
    }

    /// Only with the lock of the digest's shard.
    private func settleDeletion(_ digest: Digest) throws {
        _ = try withIdleFile(of: digest) {
            let exists = try directory.blobs(digest.algorithm).status(digest.hex) != nil
            guard try index.isDeleting(digest), try !index.revertDeletion(digest, fileExists: exists) else { return }
            try directory.blobs(digest.algorithm).remove(digest.hex)
            try index.finishDeletion(digest)
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

    func isDeleting(_ digest: Digest) throws(CacheError) -> Bool {
        try read { db in
            try String.fetchOne(db, sql: "SELECT state FROM blobs WHERE digest = ?", arguments: [digest.key])
        } == BlobState.deleting.rawValue
    }

    /// Takes a deletion back if a tag, a lease or something that one of them keeps needs the blob.
    ///
    /// - Returns: whether something does.
    func revertDeletion(_ digest: Digest, fileExists: Bool) throws(CacheError) -> Bool {
        try write { db in
            let isNeeded = try Bool.fetchOne(
                db,
                sql: """
                    \(Self.keepers)
                    SELECT EXISTS (SELECT 1 FROM keepers JOIN names USING (digest))
                        OR EXISTS (SELECT 1 FROM keepers JOIN lease_items USING (digest))
                        OR EXISTS (SELECT 1 FROM keepers JOIN import_items USING (digest))
                    """,
                arguments: [digest.key]
            )
            guard isNeeded == true else { return false }
            try db.execute(
                sql: "UPDATE blobs SET state = ? WHERE digest = ? AND state = 'deleting'",
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
