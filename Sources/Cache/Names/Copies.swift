import GRDB
package import OCI

/// What the tags of targets were given, and of which it is not known; asks nobody else.
///
/// Its methods throw ``CacheError``.
package struct Copies: Sendable {
    let store: Store

    /// What a target's tag was given last; where that was not noted, what the source's tag stands for.
    ///
    /// - Returns: `nil` where neither is known.
    package func copied(
        to place: Names.Place,
        from tag: TagName,
        of location: RepositoryReference
    ) async throws -> Digest? {
        try await store.index.read { try $0.copies.digest(at: place) ?? $0.names.digest(of: tag, in: location) }
    }

    /// Whether all of some targets' tags were given another image than the one that the source's tag stands for, since it
    /// does.
    package func isFormer(_ digest: Digest, of places: [Names.Place]) async throws -> Bool {
        guard !places.isEmpty else { return false }
        return try await store.index.read { db in
            try places.allSatisfy { try db.copies.isFormer(digest, at: $0) }
        }
    }

    /// Notes what a target's tag is given where the image is not whole here, or comes from here; costs no transaction when
    /// nothing changes.
    package func note(
        of digest: Digest,
        to place: Names.Place,
        from tag: TagName?,
        of location: RepositoryReference
    ) async throws {
        guard try await last(to: place) != digest else { return }
        try await store.index.write { db in
            try db.copies.record(digest, at: place, beside: tag.flatMap { try db.names.digest(of: $0, in: location) })
        }
    }

    /// What it is noted that a target's tag was given last; `nil` where nothing is.
    package func last(to place: Names.Place) async throws -> Digest? {
        try await store.index.read { try $0.copies.digest(at: place) }
    }

    /// Whether what a target's tag was given is an index made here, which its source does not have, as far as that is noted.
    package func isMade(_ digest: Digest, at place: Names.Place) async throws -> Bool {
        try await store.index.read { try $0.copies.isMade(digest, at: place) }
    }

    /// What of a source's image is copied for some platforms: the same each time.
    package struct Choice: Sendable {
        fileprivate let document: Digest
        fileprivate let platforms: String
        fileprivate let digest: Digest

        package init(of document: Digest, for platforms: [PlatformPattern], as digest: Digest) {
            self.document = document
            self.platforms = Self.text(platforms)
            self.digest = digest
        }

        fileprivate static func text(_ platforms: [PlatformPattern]) -> String {
            platforms.map(\.description).joined(separator: ",")
        }
    }

    /// What of a source's image was copied for some platforms, where that is noted of a target's tag: the image need not be
    /// here any more.
    package func chosen(
        of document: Digest,
        for platforms: [PlatformPattern],
        at place: Names.Place
    ) async throws -> Digest? {
        try await store.index.read { db in
            try db.copies.chosen(of: document, for: Choice.text(platforms), at: place)
        }
    }

    /// Notes what of a source's image a target's tag has, of which it is noted what that is; costs no transaction when nothing
    /// changes.
    package func note(_ choice: Choice, at place: Names.Place) async throws {
        guard try await store.index.read({ try !$0.copies.isNoted(choice, at: place) }) else { return }
        try await store.index.write { try $0.copies.set(choice, at: place) }
    }

    /// Notes whether what a target's tag is given is an index made here, and what it was chosen of; costs no transaction when
    /// nothing changes.
    package func note(
        isMade: Bool,
        _ digest: Digest,
        choosing choice: Choice?,
        at place: Names.Place
    ) async throws {
        let isNoted = try await store.index.read { db in
            guard try db.copies.isMade(digest, at: place) == isMade else { return false }
            return try choice.map { try db.copies.isNoted($0, at: place) } ?? true
        }
        guard !isNoted else { return }
        try await store.index.write { db in
            try db.copies.set(made: isMade ? digest : nil, at: place)
            if let choice { try db.copies.set(choice, at: place) }
        }
    }

    /// Whether it is noted of any tag of a target's repository what it was given.
    package func areAny(in location: RepositoryReference) async throws -> Bool {
        try await store.index.read { try $0.copies.isAny(in: location) }
    }

    /// Forgets what a target's tag was given; costs no transaction when nothing is noted.
    package func forget(to place: Names.Place) async throws {
        guard try await last(to: place) != nil else { return }
        try await store.index.write { try $0.copies.remove(place) }
    }

    /// The tags of a target's repository of which it is not known what they are, though they may be there.
    package func doubts(in location: RepositoryReference) async throws -> Set<TagName> {
        try await store.index.read { try $0.doubts.tags(in: location) }
    }

    /// Notes that a target did not show what it may have taken as a tag.
    ///
    /// Safe to repeat.
    package func doubt(_ place: Names.Place) async throws {
        try await store.index.write { try $0.doubts.add(place) }
    }

    /// Notes that it is known what the tag is; costs no transaction when that was not in doubt.
    package func settleDoubt(_ place: Names.Place) async throws {
        guard try await store.index.read({ try $0.doubts.contains(place) }) else { return }
        try await store.index.write { try $0.doubts.remove(place) }
    }
}

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

    /// The last index that was made here for the tag; the tag may have been given something else since.
    static let made = "ALTER TABLE copies ADD COLUMN made BLOB"

    /// What was chosen last for the tag, of which image of the source and for which platforms; the tag may have been given
    /// something else since.
    static let choices = """
        ALTER TABLE copies ADD COLUMN document BLOB;
        ALTER TABLE copies ADD COLUMN platforms TEXT;
        ALTER TABLE copies ADD COLUMN chosen BLOB;
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

    func isMade(_ digest: Digest, at place: Names.Place) throws -> Bool {
        try db.exists(
            "copies WHERE host = ? AND repository = ? AND tag = ? AND made = ?",
            [place.location.host, place.location.repository, place.tag, digest]
        )
    }

    func set(made digest: Digest?, at place: Names.Place) throws {
        try db.executeCached(
            sql: "UPDATE copies SET made = ? WHERE host = ? AND repository = ? AND tag = ?",
            arguments: [digest, place.location.host, place.location.repository, place.tag]
        )
    }

    func chosen(of document: Digest, for platforms: String, at place: Names.Place) throws -> Digest? {
        try Digest.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT chosen FROM copies
                    WHERE host = ? AND repository = ? AND tag = ? AND document = ? AND platforms = ?
                    """
            ),
            arguments: [place.location.host, place.location.repository, place.tag, document, platforms]
        )
    }

    func isNoted(_ choice: Copies.Choice, at place: Names.Place) throws -> Bool {
        try chosen(of: choice.document, for: choice.platforms, at: place) == choice.digest
    }

    func set(_ choice: Copies.Choice, at place: Names.Place) throws {
        try db.executeCached(
            sql: """
                UPDATE copies SET document = ?, platforms = ?, chosen = ?
                WHERE host = ? AND repository = ? AND tag = ?
                """,
            arguments: [
                choice.document, choice.platforms, choice.digest, place.location.host, place.location.repository,
                place.tag,
            ]
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
