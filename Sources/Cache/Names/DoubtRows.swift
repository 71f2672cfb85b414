import GRDB
import OCI

/// Tags of targets that may have taken something and did not show it afterwards.
///
/// That such a tag is there does not tell what it is.
struct DoubtRows {
    static let schema = """
        CREATE TABLE doubts (
            host TEXT NOT NULL,
            repository TEXT NOT NULL,
            tag TEXT NOT NULL,
            PRIMARY KEY (host, repository, tag)
        ) STRICT, WITHOUT ROWID;
        """

    let db: Database

    func tags(in location: RepositoryReference) throws -> Set<TagName> {
        let sql = "SELECT tag FROM doubts WHERE host = ? AND repository = ?"
        return Set(
            try String.fetchAll(db.cachedStatement(sql: sql), arguments: [location.host, location.repository])
                .compactMap { try? TagName($0) }
        )
    }

    func contains(_ place: Names.Place) throws -> Bool {
        try db.exists(
            "doubts WHERE host = ? AND repository = ? AND tag = ?",
            [place.location.host, place.location.repository, place.tag]
        )
    }

    func add(_ place: Names.Place) throws {
        try db.executeCached(
            sql: "INSERT OR IGNORE INTO doubts (host, repository, tag) VALUES (?, ?, ?)",
            arguments: [place.location.host, place.location.repository, place.tag]
        )
    }

    func remove(_ place: Names.Place) throws {
        try db.executeCached(
            sql: "DELETE FROM doubts WHERE host = ? AND repository = ? AND tag = ?",
            arguments: [place.location.host, place.location.repository, place.tag]
        )
    }
}
