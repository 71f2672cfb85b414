import GRDB
import OCI

/// What was copied to the tags of targets.
///
/// A source's tag may have been copied to several, whole or some platforms of it, at different times: its own name tells of
/// none of them.
struct CopyRows {
    static let schema = """
        CREATE TABLE copies (
            host TEXT NOT NULL,
            repository TEXT NOT NULL,
            tag TEXT NOT NULL,
            digest BLOB NOT NULL,
            PRIMARY KEY (host, repository, tag)
        ) STRICT, WITHOUT ROWID;
        """

    let db: Database

    func digest(at place: Names.Place) throws -> Digest? {
        try Digest.fetchOne(
            db.cachedStatement(sql: "SELECT digest FROM copies WHERE host = ? AND repository = ? AND tag = ?"),
            arguments: [place.location.host, place.location.repository, place.tag]
        )
    }

    func record(_ digest: Digest, at place: Names.Place) throws {
        try db.executeCached(
            sql: """
                INSERT INTO copies (host, repository, tag, digest) VALUES (?, ?, ?, ?)
                ON CONFLICT (host, repository, tag) DO UPDATE SET digest = excluded.digest
                """,
            arguments: [place.location.host, place.location.repository, place.tag, digest]
        )
    }
}
