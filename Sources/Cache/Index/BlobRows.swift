import GRDB
import OCI

/// What the index says of blobs: a file's size and state, when it was committed, verified and used, and where it came
/// from.
///
/// The files are the truth; a row is a cache of it.
struct BlobRows {
    /// What the index says of a blob's file.
    enum State: String, DatabaseValueConvertible {
        case ok
        case missing
        case deleting
    }

    let db: Database

    /// Records a committed file and what came with it.
    func record(_ item: PendingCommit, at now: Int64) throws {
        try record(item.descriptor, verifiedAt: now, at: now)
        try recordContent(of: item)
    }

    /// Records a file that was met without a row, or with one that does not say that it is there.
    func adopt(_ item: PendingCommit, at now: Int64) throws {
        let digest = item.descriptor.digest
        if try state(of: digest) != .ok {
            let usedAt = item.usedAt.map { min($0, now) } ?? now
            try record(item.descriptor, verifiedAt: item.manifest == nil ? nil : now, at: usedAt)
        }
        try recordContent(of: item)
    }

    private func recordContent(of item: PendingCommit) throws {
        if let manifest = item.manifest { try db.manifests.record(manifest) }
        if let origin = item.origin { try add(origin, of: item.descriptor.digest) }
        try db.leases.endReservation(of: item.descriptor.digest)
    }

    /// Whether a blob is said to be there, and what it refers to is known if it is a manifest.
    func isRecorded(_ blob: Descriptor) throws -> Bool {
        guard try state(of: blob.digest) == .ok else { return false }
        return try !blob.mediaType.isManifest || db.exists("manifests WHERE digest = ?", [blob.digest])
    }

    /// Says that a file is there; `nil` when nobody has looked at its bytes.
    func record(_ blob: Descriptor, verifiedAt: Int64?, at now: Int64) throws {
        try db.executeCached(
            sql: """
                INSERT INTO blobs (digest, size, state, verified_at, committed_at, used_at) VALUES (?, ?, 'ok', ?, ?, ?)
                ON CONFLICT (digest) DO UPDATE SET size = excluded.size, state = 'ok',
                    verified_at = excluded.verified_at, committed_at = excluded.committed_at,
                    used_at = max(used_at, excluded.used_at)
                """,
            arguments: [blob.digest, blob.size, verifiedAt, now, now]
        )
    }

    /// Remembers where a blob came from, and can be fetched again.
    func add(_ origin: RepositoryReference, of digest: Digest) throws {
        try db.executeCached(
            sql: "INSERT INTO blob_sources (digest, host, repository) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            arguments: [digest, origin.host, origin.repository]
        )
    }

    /// In bytes; `nil` when there is no row.
    func size(of digest: Digest) throws -> Int64? {
        try Int64.fetchOne(db.cachedStatement(sql: "SELECT size FROM blobs WHERE digest = ?"), arguments: [digest])
    }

    /// - Returns: `nil` when there is no row.
    func state(of digest: Digest) throws -> State? {
        try State.fetchOne(
            db.cachedStatement(sql: "SELECT state FROM blobs WHERE digest = ?"),
            arguments: [digest]
        )
    }

    /// Marks blobs whose files are gone.
    ///
    /// The files are looked at within the transaction: one that has come back meanwhile is recorded before it, and then
    /// seen, or after it.
    func markMissing(_ digests: some Sequence<Digest>, in files: BlobFiles) throws {
        for digest in digests where try files.status(of: digest) == nil {
            try db.executeCached(
                sql: "UPDATE blobs SET state = 'missing', verified_at = NULL WHERE digest = ? AND state = 'ok'",
                arguments: [digest]
            )
        }
    }

    /// Notes that blobs were used; never that they were used earlier than is known.
    func touch(_ digests: some Sequence<Digest>, at now: Int64) throws {
        for digest in digests {
            try db.executeCached(
                sql: "UPDATE blobs SET used_at = max(used_at, ?) WHERE digest = ?",
                arguments: [now, digest]
            )
        }
    }

    /// The sizes of the files that are said to be there.
    func sizes() throws -> [Digest: Int64] {
        var sizes: [Digest: Int64] = [:]
        let rows = try Row.fetchCursor(db, sql: "SELECT digest, size FROM blobs WHERE state = 'ok'")
        while let row = try rows.next() {
            sizes[try row.decode(Digest.self, atIndex: 0)] = try row.decode(Int64.self, atIndex: 1)
        }
        return sizes
    }

    /// The bytes of all blobs that are recorded as there.
    func totalBytes() throws -> Int64 {
        try Int64.fetchOne(db.cachedStatement(sql: "SELECT bytes FROM totals")) ?? 0
    }

    /// Some of the blobs whose files are known to be gone, in order.
    func missing(after last: Digest?, limit: Int) throws -> [Digest] {
        try Digest.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT digest FROM blobs WHERE state = 'missing' AND state <> 'ok' AND digest > ?
                    ORDER BY digest LIMIT ?
                    """
            ),
            arguments: [last.place, limit]
        )
    }

    /// Blobs whose deletion was begun.
    func deletions() throws -> [Digest] {
        try Digest.fetchAll(
            db.cachedStatement(sql: "SELECT digest FROM blobs WHERE state = 'deleting' AND state <> 'ok'")
        )
    }

    /// Says that a blob is being removed, whether it had a row or not.
    func beginDeletion(of digest: Digest, size: Int64, lastUse: Int64) throws {
        try db.executeCached(
            sql: """
                INSERT INTO blobs (digest, size, state, committed_at, used_at) VALUES (?1, ?2, 'deleting', ?3, ?3)
                ON CONFLICT (digest) DO UPDATE SET state = 'deleting'
                """,
            arguments: [digest, size, lastUse]
        )
    }

    /// Says that a blob is not to be removed after all.
    func takeBackDeletion(of digest: Digest, fileExists: Bool) throws {
        try db.executeCached(
            sql: "UPDATE blobs SET state = ? WHERE digest = ? AND state = 'deleting'",
            arguments: [fileExists ? State.ok : .missing, digest]
        )
    }

    /// Forgets a blob whose file has been removed.
    func finishDeletion(_ digest: Digest) throws {
        try db.executeCached(sql: "DELETE FROM blobs WHERE digest = ? AND state = 'deleting'", arguments: [digest])
    }
}
