import GRDB
import OCI

/// Where an interrupted verification goes on: it leaves out what was found right since it began.
struct VerificationPlace: Sendable {
    let index: CacheIndex
    let subset: VerificationOptions.Subset?

    private var key: String { "verifying since" + (subset.map { " in \($0)" } ?? "") }

    /// When the verification began that was interrupted, in seconds since 1970.
    ///
    /// - Returns: `nil` where there is none, or it began at a time to come: the clock was wrong, and the next begins anew.
    func start(before now: Int64) throws(CacheError) -> Int64? {
        guard let start = try start(), start <= now else { return nil }
        return start
    }

    private func start() throws(CacheError) -> Int64? {
        try index.read { db in
            try String.fetchOne(db, sql: "SELECT value FROM meta WHERE key = ?", arguments: [key])
        }.flatMap { Int64($0) }
    }

    /// Notes that blobs were right, and since when they are looked at.
    func record(verified: [Digest], since start: Int64, _ now: Int64) throws(CacheError) {
        try index.write { db in
            for digest in verified {
                try db.executeCached(
                    sql: "UPDATE blobs SET verified_at = ? WHERE digest = ? AND state = 'ok'",
                    arguments: [now, digest]
                )
            }
            try db.executeCached(
                sql: """
                    INSERT INTO meta (key, value) VALUES (?, ?)
                    ON CONFLICT (key) DO UPDATE SET value = excluded.value
                    """,
                arguments: [key, "\(start)"]
            )
        }
    }

    /// The next verification leaves nothing out.
    func forget() throws(CacheError) {
        guard try start() != nil else { return }
        try index.write { db in try db.execute(sql: "DELETE FROM meta WHERE key = ?", arguments: [key]) }
    }

    /// Those of some files, sorted by digest, whose bytes were not found right since a time.
    ///
    /// Times to come count for nothing: the clock was wrong.
    func unverified(_ files: [StoredFile], since start: Int64, _ now: Int64) async throws -> [StoredFile] {
        let from = (found: [StoredFile](), position: 0, last: Digest?.none)
        let state = try await index.readPages(from) { state, db, page in
            let rows = try Row.fetchCursor(
                db.cachedStatement(
                    sql: """
                        SELECT digest, state = 'ok' AND verified_at BETWEEN ? AND ? FROM blobs
                        WHERE digest > ? ORDER BY digest
                        """
                ),
                arguments: [start, now, state.last.place]
            )
            while state.position < files.count, let row = try rows.next() {
                let digest = try row.decode(Digest.self, atIndex: 0)
                let isVerified: Bool? = row[1]
                state.last = digest
                while state.position < files.count, files[state.position].digest < digest {
                    state.found.append(files[state.position])
                    state.position += 1
                }
                if state.position < files.count, files[state.position].digest == digest {
                    if isVerified != true { state.found.append(files[state.position]) }
                    state.position += 1
                }
                if page.isOver { return false }
            }
            return true
        }
        return state.found + files[state.position...]
    }
}
