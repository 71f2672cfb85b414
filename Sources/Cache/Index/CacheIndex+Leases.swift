import FoundationEssentials
import GRDB
import OCI

extension CacheIndex {
    /// What the index says of a blob.
    enum BlobState: String {
        case ok
        case missing
        case deleting
    }

    /// After this many seconds nobody relies on a lease; it still protects while its owner holds its file's lock.
    static let leaseDuration: Int64 = 24 * 3600

    /// Adds digests to a lease and looks them up, in one transaction; what is there counts as used now.
    ///
    /// - Returns: the states of those that have a row.
    func hold(_ digests: [Digest], lease: String, at now: Int64) throws(CacheError) -> [Digest: BlobState] {
        try write { db in
            try Self.upsertLease(db, lease, now)
            var states: [Digest: BlobState] = [:]
            for digest in digests {
                try db.executeCached(
                    sql: "INSERT INTO lease_items (lease, digest) VALUES (?, ?) ON CONFLICT DO NOTHING",
                    arguments: [lease, digest.key]
                )
                try db.executeCached(
                    sql: "UPDATE blobs SET used_at = ? WHERE digest = ?",
                    arguments: [now, digest.key]
                )
                states[digest] = try String.fetchOne(
                    db.cachedStatement(sql: "SELECT state FROM blobs WHERE digest = ?"),
                    arguments: [digest.key]
                ).flatMap(BlobState.init)
            }
            return states
        }
    }

    static func upsertLease(_ db: Database, _ lease: String, _ now: Int64) throws {
        try db.executeCached(
            sql: """
                INSERT INTO leases (id, created_at, expires_at) VALUES (?, ?, ?)
                ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at
                """,
            arguments: [lease, now, now + leaseDuration]
        )
    }

    /// Removes leases; their items go with them.
    func release(_ leases: [String]) throws(CacheError) {
        guard !leases.isEmpty else { return }
        try write { db in
            for lease in leases { try db.executeCached(sql: "DELETE FROM leases WHERE id = ?", arguments: [lease]) }
        }
    }

    func leases() throws(CacheError) -> [String] {
        try read { try String.fetchAll($0, sql: "SELECT id FROM leases ORDER BY id") }
    }
}
