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
            former BLOB,
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

    func isAny(in location: RepositoryReference) throws -> Bool {
        try db.exists("copies WHERE host = ? AND repository = ?", [location.host, location.repository])
    }

    /// Notes a copy, and what the source's tag stands for here meanwhile, where that is something else.
    func record(_ digest: Digest, at place: Names.Place, beside former: Digest?) throws {
        try db.executeCached(
            sql: """
                INSERT INTO copies (host, repository, tag, digest, former) VALUES (?1, ?2, ?3, ?4, nullif(?5, ?4))
                ON CONFLICT (host, repository, tag) DO UPDATE SET digest = excluded.digest, former = excluded.former
                """,
            arguments: [place.location.host, place.location.repository, place.tag, digest, former]
        )
    }

    func remove(_ place: Names.Place) throws {
        try db.executeCached(
            sql: "DELETE FROM copies WHERE host = ? AND repository = ? AND tag = ?",
            arguments: [place.location.host, place.location.repository, place.tag]
        )
    }

    /// Whether a copy was noted while the source's tag stood for this other image.
    func isFormer(_ digest: Digest, at place: Names.Place) throws -> Bool {
        try db.exists(
            "copies WHERE host = ? AND repository = ? AND tag = ? AND former = ?",
            [place.location.host, place.location.repository, place.tag, digest]
        )
    }
}
