import GRDB
import OCI

/// What images are called: the tags of whole images, and what clients asked a server for that may lack parts.
///
/// Both kinds keep what is there of an image, and give way to the cache's limit. Whoever names an image by a tag last
/// decides: a whole image takes the place of all that the tag stood for, and one that may lack parts stands before the whole
/// one that the tag had, which is held until the new one is whole too. So what was given on demand is always the newer of the
/// two, whatever the clock said.
struct NameRows {
    /// In SQL, whether a name is the newest of those that a tag has; as of a digest, which has one.
    static let isNewest = """
        (NOT names.is_whole OR NOT EXISTS (
            SELECT 1 FROM names AS newer WHERE (newer.host, newer.repository, newer.reference, newer.is_whole)
                = (names.host, names.repository, names.reference, 0)
        ))
        """

    /// Forgets what tags were given on demand before a whole image took its place: earlier versions kept it.
    static let superseded = """
        DELETE FROM names WHERE NOT is_whole AND EXISTS (
            SELECT 1 FROM names AS whole WHERE (whole.host, whole.repository, whole.reference, whole.is_whole)
                = (names.host, names.repository, names.reference, 1) AND whole.updated_at > names.updated_at
        )
        """

    let db: Database

    /// Points a tag at a whole image, keeping the whole one that it named before as history.
    func record(_ tag: TagName, of location: RepositoryReference, as digest: Digest, at now: Int64) throws {
        if try self.digest(of: tag, in: location) != digest {
            try db.history.end(tag, of: location, unless: digest, at: now)
            try insert(.tag(tag), location, digest, isWhole: true, now)
        }
        try forgetPulled(tag, of: location)
    }

    /// Names a manifest by what a client asked for, unless a tag names it so already.
    func recordPulled(_ name: Reference, of location: RepositoryReference, as digest: Digest, at now: Int64) throws {
        guard case .tag(let tag) = name, try self.digest(of: tag, in: location) == digest else {
            return try insert(name, location, digest, isWhole: false, now)
        }
        try forgetPulled(tag, of: location)
    }

    /// Forgets what a client asked for by a tag, unless it is one manifest; what stands for it and is whole stays.
    func forgetPulled(_ tag: TagName, of location: RepositoryReference, unless digest: Digest? = nil) throws {
        try db.executeCached(
            sql: """
                DELETE FROM names
                WHERE host = ? AND repository = ? AND reference = ? AND NOT is_whole AND digest IS NOT ?
                """,
            arguments: [location.host, location.repository, tag, digest]
        )
    }

    /// Whether a name stands for one manifest, and for none besides; with `isWhole` as that of a whole image.
    func stands(
        _ name: Reference,
        of location: RepositoryReference,
        for digest: Digest,
        isWhole: Bool = false
    ) throws -> Bool {
        let statement = try db.cachedStatement(
            sql: """
                SELECT count(*) = 1 AND max(digest = ?4 AND is_whole >= ?5) FROM names
                WHERE host = ?1 AND repository = ?2 AND reference = ?3
                """
        )
        return try Bool.fetchOne(statement, arguments: [location.host, location.repository, name, digest, isWhole])
            ?? false
    }

    /// Forgets a name, where it names a digest or, with `nil`, whatever it names.
    ///
    /// - Returns: whether there was such a name.
    func remove(
        _ name: Reference,
        of location: RepositoryReference,
        naming digest: Digest?,
        at now: Int64
    ) throws -> Bool {
        let isTag =
            if case .tag(let tag) = name, let current = try self.digest(of: tag, in: location) {
                digest == nil || current == digest
            } else {
                false
            }
        if isTag, case .tag(let tag) = name { try db.history.end(tag, of: location, unless: nil, at: now) }
        try db.executeCached(
            sql: """
                DELETE FROM names
                WHERE host = ?1 AND repository = ?2 AND reference = ?3 AND (?4 IS NULL OR digest = ?4)
                """,
            arguments: [location.host, location.repository, name, digest]
        )
        return db.changesCount > 0
    }

    /// What a tag stands for where all of it is there.
    func digest(of tag: TagName, in location: RepositoryReference) throws -> Digest? {
        try Digest.fetchOne(
            db.cachedStatement(
                sql: "SELECT digest FROM names WHERE host = ? AND repository = ? AND reference = ? AND is_whole"
            ),
            arguments: [location.host, location.repository, tag]
        )
    }

    /// What a tag stands for, whether all of it is there or not, the newest first.
    func images(of tag: TagName, in location: RepositoryReference) throws -> [TagImage] {
        try TagImage.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT digest, media_type, size, is_whole
                    FROM names JOIN manifests USING (digest) JOIN blobs USING (digest)
                    WHERE host = ? AND repository = ? AND reference = ? ORDER BY is_whole
                    """
            ),
            arguments: [location.host, location.repository, tag]
        )
    }

    /// Whether a tag was given on demand: to whatever, or to this image.
    func isPulled(_ tag: TagName, of location: RepositoryReference, to digest: Digest? = nil) throws -> Bool {
        try db.exists(
            """
            names WHERE host = ?1 AND repository = ?2 AND reference = ?3 AND NOT is_whole
                AND (?4 IS NULL OR digest = ?4)
            """,
            [location.host, location.repository, tag, digest]
        )
    }

    /// The manifests that an image of these names consists of, which were not used after a time (seconds since 1970).
    func unused(_ references: some Sequence<ImageReference>, since time: Int64) throws -> [Digest] {
        let statement = try db.makeStatement(
            sql: """
                SELECT digest FROM names JOIN blobs USING (digest)
                WHERE host = ? AND repository = ? AND reference = ? AND is_whole AND used_at < ?
                """
        )
        return try references.compactMap { reference in
            guard let tag = reference.tag else { return nil }
            let location = reference.location
            return try Digest.fetchOne(statement, arguments: [location.host, location.repository, tag, time])
        }
    }

    private func insert(
        _ name: Reference,
        _ location: RepositoryReference,
        _ digest: Digest,
        isWhole: Bool,
        _ now: Int64
    ) throws {
        try db.executeCached(
            sql: """
                INSERT INTO names (host, repository, reference, is_whole, digest, updated_at, bytes)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, CASE ?4 WHEN 1 THEN \(References.imageBytes(of: "?5")) ELSE -1 END)
                ON CONFLICT (host, repository, reference, is_whole) DO UPDATE SET digest = excluded.digest,
                    updated_at = excluded.updated_at, bytes = excluded.bytes
                """,
            arguments: [location.host, location.repository, name, isWhole, digest, now]
        )
        // As a registry lists whatever was pushed to it that refers to something.
        if let subject = try db.manifests.subject(of: digest) {
            try db.referrers.add(ReferrerRows.List(subject, [digest]), in: location)
        }
    }
}
