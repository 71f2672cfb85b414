import FoundationEssentials
import GRDB
import OCI

/// One tag that the cache holds.
struct TagRow: Sendable {
    let location: RepositoryReference
    let tag: TagName
    let descriptor: Descriptor

    var reference: ImageReference { ImageReference(location: location, tag: tag) }
}

extension CacheIndex {
    /// Points a tag at a manifest in a transaction of its own, keeping what it was before.
    ///
    /// - Returns: whether anything changed.
    func record(
        _ tag: TagName,
        of location: RepositoryReference,
        as digest: Digest,
        at now: Int64
    ) throws(CacheError) -> Bool {
        try read { try Self.tagDigest($0, tag, location) } == digest
            ? false
            : write { db in
                try db.executeCached(
                    sql: """
                        INSERT INTO tag_history (host, repository, tag, digest, since, until)
                        SELECT host, repository, tag, digest, updated_at, ? FROM tags
                        WHERE host = ? AND repository = ? AND tag = ? AND digest <> ?
                        """,
                    arguments: [
                        now, location.host.description, location.repository.description, tag.description, digest.key,
                    ]
                )
                try Self.upsertTag(db, tag, location, digest, now)
                return true
            }
    }

    /// - Returns: the manifest that a tag names.
    func descriptor(of tag: TagName, in location: RepositoryReference) throws(CacheError) -> Descriptor? {
        guard let digest = try read({ try Self.tagDigest($0, tag, location) }) else { return nil }
        return try manifestDescriptor(digest)
    }

    /// All tags, or a repository's, sorted by repository and tag.
    func tags(of location: RepositoryReference? = nil) throws(CacheError) -> [TagRow] {
        try read { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT host, repository, tag, digest, media_type, size
                    FROM tags JOIN manifests USING (digest) JOIN blobs USING (digest)
                    WHERE ?1 IS NULL OR (host = ?1 AND repository = ?2)
                    ORDER BY host, repository, tag
                    """,
                arguments: [location?.host.description, location?.repository.description]
            )
            return try rows.compactMap(Self.tagRow)
        }
    }

    /// The repositories that have tags, sorted.
    func locations() throws(CacheError) -> [RepositoryReference] {
        try read { db in
            try Row.fetchAll(db, sql: "SELECT DISTINCT host, repository FROM tags ORDER BY host, repository")
                .map { row in
                    try RepositoryReference(
                        host: RegistryHost(row["host"] as String),
                        repository: RepositoryName(row["repository"] as String)
                    )
                }
        }
    }

    func noteUse(of references: some Sequence<ImageReference>, at now: Int64) throws(CacheError) {
        let stale = try read { db in
            let statement = try db.makeStatement(
                sql: """
                    SELECT digest FROM tags JOIN blobs USING (digest)
                    WHERE host = ? AND repository = ? AND tag = ? AND used_at < ?
                    """
            )
            return try references.compactMap { reference -> Data? in
                guard let tag = reference.tag else { return nil }
                let location = reference.location
                let key = [location.host.description, location.repository.description, tag.description]
                return try Data.fetchOne(statement, arguments: StatementArguments(key) + [now - 3600])
            }
        }
        guard !stale.isEmpty else { return }
        try write { db in
            let statement = try db.makeStatement(sql: "UPDATE blobs SET used_at = ? WHERE digest = ?")
            for key in stale { try statement.execute(arguments: [now, key]) }
        }
    }

    static func upsertTag(
        _ db: Database,
        _ tag: TagName,
        _ location: RepositoryReference,
        _ digest: Digest,
        _ now: Int64
    ) throws {
        try db.executeCached(
            sql: """
                INSERT INTO tags (host, repository, tag, digest, updated_at, bytes)
                VALUES (?1, ?2, ?3, ?4, ?5, \(imageBytes(of: "?4")))
                ON CONFLICT (host, repository, tag) DO UPDATE SET digest = excluded.digest,
                    updated_at = excluded.updated_at, bytes = excluded.bytes
                """,
            arguments: [location.host.description, location.repository.description, tag.description, digest.key, now]
        )
    }

    static func tagDigest(_ db: Database, _ tag: TagName, _ location: RepositoryReference) throws -> Digest? {
        try Data.fetchOne(
            db.cachedStatement(sql: "SELECT digest FROM tags WHERE host = ? AND repository = ? AND tag = ?"),
            arguments: [location.host.description, location.repository.description, tag.description]
        ).flatMap(Digest.init(key:))
    }

    private static func tagRow(_ row: Row) throws -> TagRow? {
        guard let digest = Digest(key: row["digest"]),
            let descriptor = Descriptor(
                mediaType: try MediaType(row["media_type"] as String),
                digest: digest,
                size: row["size"]
            )
        else { return nil }
        return TagRow(
            location: RepositoryReference(
                host: try RegistryHost(row["host"] as String),
                repository: try RepositoryName(row["repository"] as String)
            ),
            tag: try TagName(row["tag"] as String),
            descriptor: descriptor
        )
    }
}
