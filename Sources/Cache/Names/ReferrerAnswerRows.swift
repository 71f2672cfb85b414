import GRDB
import OCI

/// Which registries list referrers themselves, and of which images something was not told; few rows.
struct ReferrerAnswerRows {
    static let schema = """
        CREATE TABLE referrer_interfaces (
            host TEXT NOT NULL,
            repository TEXT NOT NULL,
            PRIMARY KEY (host, repository)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE untold_referrers (
            host TEXT NOT NULL,
            repository TEXT NOT NULL,
            subject BLOB NOT NULL,
            source_host TEXT NOT NULL,
            source_repository TEXT NOT NULL,
            PRIMARY KEY (host, repository, subject, source_host, source_repository)
        ) STRICT, WITHOUT ROWID;
        """

    private static let chosen =
        "untold_referrers WHERE (host, repository, subject, source_host, source_repository) = (?, ?, ?, ?, ?)"
    private static let needless =
        "untold_referrers WHERE NOT EXISTS (SELECT 1 FROM blobs WHERE digest = untold_referrers.subject)"

    let db: Database

    func hasInterface(_ location: RepositoryReference) throws -> Bool {
        try db.exists("referrer_interfaces WHERE (host, repository) = (?, ?)", [location.host, location.repository])
    }

    func addInterface(_ location: RepositoryReference) throws {
        try db.executeCached(
            sql: "INSERT OR IGNORE INTO referrer_interfaces (host, repository) VALUES (?, ?)",
            arguments: [location.host, location.repository]
        )
    }

    func isUntold(_ gift: GivenReferrers.Gift) throws -> Bool { try db.exists(Self.chosen, arguments(gift)) }

    func set(isUntold: Bool, _ gift: GivenReferrers.Gift) throws {
        let sql =
            isUntold
            ? "INSERT OR IGNORE INTO untold_referrers VALUES (?, ?, ?, ?, ?)" : "DELETE FROM \(Self.chosen)"
        try db.executeCached(sql: sql, arguments: arguments(gift))
    }

    func hasNeedless() throws -> Bool { try db.exists(Self.needless, []) }

    func removeNeedless() throws { try db.executeCached(sql: "DELETE FROM \(Self.needless)") }

    private func arguments(_ gift: GivenReferrers.Gift) -> StatementArguments {
        [gift.target.host, gift.target.repository, gift.subject, gift.source.host, gift.source.repository]
    }
}
