import GRDB
import OCI

/// Which registries list referrers themselves, and of which images something was not told; few rows.
struct ReferrerAnswerRows {
    static let schema = """
        CREATE TABLE referrer_interfaces (
            host TEXT NOT NULL,
            repository TEXT NOT NULL,
            subject BLOB NOT NULL,
            PRIMARY KEY (host, repository)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE untold_referrers (
            host TEXT NOT NULL,
            repository TEXT NOT NULL,
            subject BLOB NOT NULL,
            source_host TEXT NOT NULL,
            source_repository TEXT NOT NULL,
            times INTEGER NOT NULL,
            PRIMARY KEY (host, repository, subject, source_host, source_repository)
        ) STRICT, WITHOUT ROWID;
        """

    /// How often a source is asked for what it does not tell, one run after another.
    static let mostTimes = 4

    private static let chosen =
        "untold_referrers WHERE (host, repository, subject, source_host, source_repository) = (?, ?, ?, ?, ?)"
    private static let needless =
        "untold_referrers WHERE NOT EXISTS (SELECT 1 FROM blobs WHERE digest = untold_referrers.subject)"

    let db: Database

    func subject(in location: RepositoryReference) throws -> Digest? {
        try Digest.fetchOne(
            db.cachedStatement(sql: "SELECT subject FROM referrer_interfaces WHERE (host, repository) = (?, ?)"),
            arguments: [location.host, location.repository]
        )
    }

    func add(_ subject: Digest, in location: RepositoryReference) throws {
        try db.executeCached(
            sql: "INSERT OR IGNORE INTO referrer_interfaces (host, repository, subject) VALUES (?, ?, ?)",
            arguments: [location.host, location.repository, subject]
        )
    }

    func removeSubject(in location: RepositoryReference) throws {
        try db.executeCached(
            sql: "DELETE FROM referrer_interfaces WHERE (host, repository) = (?, ?)",
            arguments: [location.host, location.repository]
        )
    }

    func timesUntold(_ gift: GivenReferrers.Gift) throws -> Int {
        let statement = try db.cachedStatement(sql: "SELECT times FROM \(Self.chosen)")
        return try Int.fetchOne(statement, arguments: arguments(gift)) ?? 0
    }

    func set(timesUntold times: Int, _ gift: GivenReferrers.Gift) throws {
        guard times > 0 else {
            return try db.executeCached(sql: "DELETE FROM \(Self.chosen)", arguments: arguments(gift))
        }
        try db.executeCached(
            sql: "INSERT OR REPLACE INTO untold_referrers VALUES (?, ?, ?, ?, ?, ?)",
            arguments: arguments(gift) + [times]
        )
    }

    func hasNeedless() throws -> Bool { try db.exists(Self.needless, []) }

    func removeNeedless() throws { try db.executeCached(sql: "DELETE FROM \(Self.needless)") }

    private func arguments(_ gift: GivenReferrers.Gift) -> StatementArguments {
        [gift.target.host, gift.target.repository, gift.subject, gift.source.host, gift.source.repository]
    }
}
