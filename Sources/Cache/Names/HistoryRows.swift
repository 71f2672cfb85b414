import GRDB
package import OCI

/// What a tag stood for, and when.
package struct TagPeriod: Hashable, Sendable {
    package let digest: Digest
    /// Seconds since 1970.
    package let since: Int64
    /// Seconds since 1970; `nil` while it still does.
    package let until: Int64?
}

/// What tags stood for earlier; bounded by number and age.
struct HistoryRows {
    /// So many earlier digests of a tag are remembered.
    static let limit = 64
    /// For this many seconds they are remembered.
    static let lifetime: Int64 = 400 * 24 * 3600

    let db: Database

    /// Notes that a tag stops standing for what it does now, unless that is the digest given.
    func end(_ tag: TagName, of location: RepositoryReference, unless digest: Digest?, at now: Int64) throws {
        try db.executeCached(
            sql: """
                INSERT INTO tag_history (host, repository, tag, digest, since, until)
                SELECT host, repository, reference, digest, updated_at, ?4 FROM names
                WHERE host = ?1 AND repository = ?2 AND reference = ?3 AND is_whole AND digest IS NOT ?5
                """,
            arguments: [location.host, location.repository, tag, now, digest]
        )
        guard db.changesCount > 0 else { return }
        try db.executeCached(
            sql: """
                DELETE FROM tag_history WHERE id IN (
                    SELECT id FROM tag_history WHERE host = ? AND repository = ? AND tag = ?
                    ORDER BY id DESC LIMIT -1 OFFSET ?
                )
                """,
            arguments: [location.host, location.repository, tag, Self.limit]
        )
    }

    /// Whether something is older than is remembered.
    func isDue(at now: Int64) throws -> Bool {
        try db.exists("tag_history WHERE until < ?", [now - Self.lifetime])
    }

    /// Forgets what is older than is remembered.
    func expire(at now: Int64) throws {
        try db.executeCached(sql: "DELETE FROM tag_history WHERE until < ?", arguments: [now - Self.lifetime])
    }

    /// What a tag stands for and stood for, the latest first.
    func periods(of tag: TagName, in location: RepositoryReference) throws -> [TagPeriod] {
        try TagPeriod.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT digest, since, until FROM (
                        SELECT digest, updated_at AS since, NULL AS until, 1 AS is_now, 0 AS id FROM names
                        WHERE host = ?1 AND repository = ?2 AND reference = ?3 AND is_whole
                        UNION ALL
                        SELECT digest, since, until, 0, id FROM tag_history
                        WHERE host = ?1 AND repository = ?2 AND tag = ?3
                    ) ORDER BY is_now DESC, id DESC
                    """
            ),
            arguments: [location.host, location.repository, tag]
        )
    }
}

extension TagPeriod: FetchableRecord {
    init(row: Row) throws {
        digest = try row.decode(Digest.self, forColumn: "digest")
        since = try row.decode(Int64.self, forColumn: "since")
        until = try row.decode(Int64?.self, forColumn: "until")
    }
}
