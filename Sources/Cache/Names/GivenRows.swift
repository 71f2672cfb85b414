import GRDB
import OCI

/// What targets were given of what refers to a manifest, and by which source, whatever they list by now; none of it is kept
/// for that.
struct GivenRows {
    /// What a source has to do with it.
    enum State: String, CaseIterable, DatabaseValueConvertible {
        /// It is about to be given.
        case meant
        /// The source lists it.
        case listed
        /// The source has it under one of cosign's tags, and lists it nowhere.
        case tagged
        /// The source lists it, and may have given it: so long as nobody knew the sources it was not noted.
        case guessed
    }

    /// As migration 13 left it, without the sources.
    static let withoutSources = """
        CREATE TABLE given_referrers (
            host TEXT NOT NULL,
            repository TEXT NOT NULL,
            subject BLOB NOT NULL,
            referrer BLOB NOT NULL CHECK (referrer <> subject),
            PRIMARY KEY (host, repository, subject, referrer)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX given_referrers_subject ON given_referrers (subject, referrer);
        """

    /// Moves what stood among the lists of repositories, of which those without names are targets alone.
    static let taken = """
        INSERT INTO given_referrers (host, repository, subject, referrer)
            SELECT DISTINCT host, repository, subject, referrer FROM referrers
            WHERE NOT EXISTS (
                SELECT 1 FROM names WHERE names.host = referrers.host AND names.repository = referrers.repository
            );
        DELETE FROM referrers WHERE NOT EXISTS (
            SELECT 1 FROM names WHERE names.host = referrers.host AND names.repository = referrers.repository
        );
        """

    /// Adds the sources: all that list it, or have it under a tag, may have given it; what none has is given again.
    static let withSources = """
        DROP INDEX given_referrers_subject;
        ALTER TABLE given_referrers RENAME TO given_by_somebody;
        CREATE TABLE given_referrers (
            host TEXT NOT NULL,
            repository TEXT NOT NULL,
            subject BLOB NOT NULL,
            referrer BLOB NOT NULL CHECK (referrer <> subject),
            source_host TEXT NOT NULL,
            source_repository TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('meant', 'listed', 'tagged', 'guessed')),
            PRIMARY KEY (host, repository, subject, referrer, source_host, source_repository)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX given_referrers_subject ON given_referrers (subject, referrer);
        INSERT INTO given_referrers
            SELECT given.host, given.repository, subject, referrer, listed.host, listed.repository, 'guessed'
            FROM given_by_somebody AS given JOIN referrers AS listed USING (subject, referrer)
            WHERE (listed.host, listed.repository) <> (given.host, given.repository)
            ON CONFLICT DO NOTHING;
        INSERT INTO given_referrers
            SELECT DISTINCT given.host, given.repository, subject, referrer, names.host, names.repository, 'tagged'
            FROM given_by_somebody AS given JOIN names ON names.digest = referrer
                AND reference GLOB 'sha*-' || lower(hex(substr(subject, 2))) || '.*'
            WHERE (names.host, names.repository) <> (given.host, given.repository)
            ON CONFLICT DO NOTHING;
        DROP TABLE given_by_somebody;
        """

    private static let chosen = "given_referrers WHERE host = ? AND repository = ? AND subject = ?"
    private static let source = "(source_host, source_repository) = (?, ?)"

    let db: Database

    /// What any source has given.
    func all(of subject: Digest, to target: RepositoryReference) throws -> Set<Digest> {
        try Digest.fetchSet(
            db.cachedStatement(sql: "SELECT DISTINCT referrer FROM \(Self.chosen) AND state <> 'meant'"),
            arguments: [target.host, target.repository, subject]
        )
    }

    /// What one source has given, or is about to.
    func states(_ gift: GivenReferrers.Gift) throws -> [Digest: State] {
        let rows = try Row.fetchAll(
            db.cachedStatement(sql: "SELECT referrer, state FROM \(Self.chosen) AND \(Self.source)"),
            arguments: arguments(gift)
        )
        return Dictionary(
            try rows.map { (try $0.decode(Digest.self, atIndex: 0), try $0.decode(State.self, atIndex: 1)) }
        ) { first, _ in first }
    }

    /// What other sources list, or are about to give; what is guessed of them holds nothing back.
    func others(_ gift: GivenReferrers.Gift) throws -> Set<Digest> {
        try Digest.fetchSet(
            db.cachedStatement(
                sql:
                    "SELECT DISTINCT referrer FROM \(Self.chosen) AND NOT \(Self.source) AND state IN ('meant', 'listed')"
            ),
            arguments: arguments(gift)
        )
    }

    func set(_ referrer: Digest, to state: State, _ gift: GivenReferrers.Gift) throws {
        try db.executeCached(
            sql: """
                INSERT INTO given_referrers (host, repository, subject, source_host, source_repository, referrer, state)
                VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET state = excluded.state
                """,
            arguments: arguments(gift) + [referrer, state]
        )
    }

    func remove(_ referrer: Digest, _ gift: GivenReferrers.Gift) throws {
        try db.executeCached(
            sql: "DELETE FROM \(Self.chosen) AND \(Self.source) AND referrer = ?",
            arguments: arguments(gift) + [referrer]
        )
    }

    private func arguments(_ gift: GivenReferrers.Gift) -> StatementArguments {
        [
            gift.target.host, gift.target.repository, gift.subject, gift.source.host, gift.source.repository,
        ]
    }
}
