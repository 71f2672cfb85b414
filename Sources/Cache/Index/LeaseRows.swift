import GRDB
import OCI

/// What living scopes need, and the space that they are about to take.
///
/// A lease protects while its owner holds the lock on its file (see ``Lease``), however long that is.
struct LeaseRows {
    let db: Database

    /// Adds digests to a lease and looks them up; what is there counts as used now.
    ///
    /// - Returns: the states of those that have a row.
    func hold(_ digests: [Digest], for lease: String, at now: Int64) throws -> [Digest: BlobRows.State] {
        try begin(lease)
        var states: [Digest: BlobRows.State] = [:]
        for digest in digests {
            try db.executeCached(
                sql: "INSERT INTO lease_items (lease, digest) VALUES (?, ?) ON CONFLICT DO NOTHING",
                arguments: [lease, digest]
            )
            try db.executeCached(sql: "UPDATE blobs SET used_at = ? WHERE digest = ?", arguments: [now, digest])
            states[digest] = try db.blobs.state(of: digest)
        }
        return states
    }

    /// All leases, sorted.
    func all() throws -> [String] {
        try String.fetchAll(db.cachedStatement(sql: "SELECT id FROM leases ORDER BY id"))
    }

    /// How many items of a lease go in a transaction; an import can have held hundreds of thousands.
    private static let releasedAtOnce = 5_000

    /// Removes leases with all that they hold, in as many transactions as that takes; blocks.
    static func release(_ leases: [String], in index: CacheIndex) throws {
        while try !index.write({ try $0.leases.release(leases) }) {}
    }

    /// Removes leases, or as many of their items as may go in one transaction; reservations go with the leases.
    ///
    /// - Returns: whether all of it is gone.
    func release(_ leases: [String]) throws -> Bool {
        for lease in leases {
            try db.executeCached(
                sql: """
                    DELETE FROM lease_items WHERE lease = ?1
                    AND digest IN (SELECT digest FROM lease_items WHERE lease = ?1 LIMIT ?2)
                    """,
                arguments: [lease, Self.releasedAtOnce]
            )
            guard db.changesCount < Self.releasedAtOnce else { return false }
            try db.executeCached(sql: "DELETE FROM leases WHERE id = ?", arguments: [lease])
        }
        return true
    }

    /// Notes that blobs are going to take so many bytes, for as long as the lease lives or until they are recorded.
    func reserve(_ blobs: [(digest: Digest, bytes: Int64)], for lease: String) throws {
        try begin(lease)
        for blob in blobs {
            try db.executeCached(
                sql: """
                    INSERT INTO reservations (digest, lease, bytes) VALUES (?, ?, ?)
                    ON CONFLICT (digest) DO UPDATE SET lease = excluded.lease, bytes = excluded.bytes
                    """,
                arguments: [blob.digest, lease, blob.bytes]
            )
        }
    }

    /// The bytes that downloads under way are going to take.
    func reservedBytes() throws -> Int64 {
        try Int64.fetchOne(db.cachedStatement(sql: "SELECT coalesce(sum(bytes), 0) FROM reservations")) ?? 0
    }

    /// Forgets what was reserved for a blob, by whomever.
    func endReservation(of digest: Digest) throws {
        try db.executeCached(sql: "DELETE FROM reservations WHERE digest = ?", arguments: [digest])
    }

    /// Forgets what a lease has reserved for some blobs.
    func endReservations(of digests: some Sequence<Digest>, for lease: String) throws {
        for digest in digests {
            try db.executeCached(
                sql: "DELETE FROM reservations WHERE digest = ? AND lease = ?",
                arguments: [digest, lease]
            )
        }
    }

    private func begin(_ lease: String) throws {
        try db.executeCached(sql: "INSERT INTO leases (id) VALUES (?) ON CONFLICT DO NOTHING", arguments: [lease])
    }
}
