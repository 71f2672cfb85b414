import GRDB
import OCI

/// Puts times right that were taken while the clock was ahead.
///
/// A time that lies ahead may as well mean that the clock is behind now. That it still does after a week has passed by this
/// clock shows which of them was wrong: what it is about counts then as used when that was seen first.
struct FutureTimes {
    let store: Store

    /// No clock that is looked after is ahead by more, in seconds.
    private static let tolerance: Int64 = 86_400
    /// How long a clock may be wrong that is looked after, in seconds.
    static let patience: Int64 = 7 * 86_400
    /// Rows that are changed in one transaction.
    private static let batch = 1000

    private var limit: Int64 { store.now + Self.tolerance }

    /// Looks at all times, and changes those that are known to be wrong; stopped at any point it can be run again.
    ///
    /// - Throws: ``CacheError``; `CancellationError`.
    func mend() async throws {
        let since = try await store.index.read { try $0.meta.value(of: MetaRows.Key.aheadSince) }.flatMap(Int64.init)
        let isDue = since.map { store.now - $0 >= Self.patience } ?? false
        var (walk, isAny) = (Walk(limit: limit), false)
        repeat {
            walk.found = []
            walk = try await store.index.readPages(walk) { try $0.run($1, $2) }
            isAny = isAny || !walk.found.isEmpty
            if isDue, let since { try await set(walk.found, to: since) }
        } while isDue && !walk.isDone
        if isDue, let since { while try await setNames(to: since) {} }
        try await note(isAny: isAny, since)
    }

    private func note(isAny: Bool, _ since: Int64?) async throws {
        guard isAny == (since == nil) else { return }
        try await store.index.write { [now = store.now] in
            try $0.meta.note(isAny ? now : nil, as: MetaRows.Key.aheadSince)
        }
    }

    private func set(_ digests: [Digest], to time: Int64) async throws {
        guard !digests.isEmpty else { return }
        try await store.index.write { db in
            for digest in digests {
                try db.executeCached(
                    sql: """
                        UPDATE blobs SET used_at = min(used_at, ?1), committed_at = min(committed_at, ?1),
                            verified_at = min(verified_at, ?1)
                        WHERE digest = ?2
                        """,
                    arguments: [time, digest]
                )
            }
        }
    }

    /// - Returns: whether there may be more.
    private func setNames(to time: Int64) async throws -> Bool {
        try await store.index.write { [limit] db in
            try db.executeCached(
                sql: """
                    UPDATE names SET updated_at = ?1 WHERE (host, repository, reference, is_whole) IN
                        (SELECT host, repository, reference, is_whole FROM names WHERE updated_at > ?2 LIMIT ?3)
                    """,
                arguments: [time, limit, Self.batch]
            )
            return db.changesCount == Self.batch
        }
    }

    /// Finds blobs of which a time lies ahead, so many at once.
    private struct Walk: Sendable {
        let limit: Int64
        var last: Digest?
        var found: [Digest] = []
        var isDone = false

        mutating func run(_ db: Database, _ page: ReadPage) throws -> Bool {
            let rows = try Row.fetchCursor(
                db.cachedStatement(
                    sql: "SELECT digest, max(used_at, committed_at) FROM blobs WHERE digest > ? ORDER BY digest"
                ),
                arguments: [last.place]
            )
            while let row = try rows.next() {
                guard !page.isOver, found.count < FutureTimes.batch else { return found.count == FutureTimes.batch }
                let digest = try row.decode(Digest.self, atIndex: 0)
                last = digest
                if row[1] as Int64 > limit { found.append(digest) }
            }
            isDone = true
            return true
        }
    }
}
