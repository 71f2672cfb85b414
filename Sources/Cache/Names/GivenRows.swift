import GRDB
import OCI

/// What targets were given of what refers to a manifest, whatever they list by now; none of it is kept for that.
struct GivenRows {
    static let schema = """
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

    let db: Database

    func all(of subject: Digest, to target: RepositoryReference) throws -> Set<Digest> {
        try Digest.fetchSet(
            db.cachedStatement(
                sql: "SELECT referrer FROM given_referrers WHERE host = ? AND repository = ? AND subject = ?"
            ),
            arguments: [target.host, target.repository, subject]
        )
    }

    /// The manifests of them that are recorded as there.
    func descriptors(of subject: Digest, to target: RepositoryReference) throws -> [Descriptor] {
        try Descriptor.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT manifests.digest, manifests.media_type, blobs.size
                    FROM given_referrers JOIN manifests ON manifests.digest = referrer JOIN blobs USING (digest)
                    WHERE host = ? AND repository = ? AND subject = ? AND blobs.state = 'ok'
                    """
            ),
            arguments: [target.host, target.repository, subject]
        )
    }

    func add(_ referrer: Digest, of subject: Digest, to target: RepositoryReference) throws {
        guard referrer != subject else { return }
        try db.executeCached(
            sql: """
                INSERT INTO given_referrers (host, repository, subject, referrer) VALUES (?, ?, ?, ?)
                ON CONFLICT DO NOTHING
                """,
            arguments: [target.host, target.repository, subject, referrer]
        )
    }

    func remove(_ referrer: Digest, of subject: Digest, to target: RepositoryReference) throws {
        try db.executeCached(
            sql: "DELETE FROM given_referrers WHERE host = ? AND repository = ? AND subject = ? AND referrer = ?",
            arguments: [target.host, target.repository, subject, referrer]
        )
    }
}
