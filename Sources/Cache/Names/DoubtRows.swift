import GRDB
package import OCI

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

extension Names {
    /// The tags of a target's repository of which it is not known what they are, though they may be there.
    package func doubts(in location: RepositoryReference) async throws -> Set<TagName> {
        try await store.index.read { try $0.doubts.tags(in: location) }
    }

    /// Notes that a target did not show what it may have taken as a tag.
    ///
    /// Safe to repeat.
    package func doubt(_ place: Place) async throws {
        try await store.index.write { try $0.doubts.add(place) }
    }

    /// Notes that it is known what the tag is; costs no transaction when that was not in doubt.
    package func settleDoubt(_ place: Place) async throws {
        guard try await doubts(in: place.location).contains(place.tag) else { return }
        try await store.index.write { try $0.doubts.remove(place) }
    }
}
