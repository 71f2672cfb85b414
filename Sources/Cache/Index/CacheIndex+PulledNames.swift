import FoundationEssentials
import GRDB
import OCI

extension CacheIndex {
    /// Names of images that came through a server on demand, so that parts of them may be missing.
    ///
    /// They keep what is there as tags do, and give way to the cache's limit as tags do. `names` is both.
    static let pulledNames = """
        CREATE TABLE pulled_names (
            host TEXT NOT NULL,
            repository TEXT NOT NULL,
            reference TEXT NOT NULL,
            digest BLOB NOT NULL REFERENCES manifests (digest),
            updated_at INTEGER NOT NULL,
            PRIMARY KEY (host, repository, reference)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX pulled_names_digest ON pulled_names (digest);
        CREATE VIEW names AS
            SELECT host, repository, tag AS reference, digest, updated_at FROM tags
            UNION ALL
            SELECT host, repository, reference, digest, updated_at FROM pulled_names;
        """

    /// Names a manifest by what a client asked for, in a transaction of its own, unless a tag names it so already.
    func recordPulled(
        _ reference: Reference,
        of location: RepositoryReference,
        as digest: Digest,
        at now: Int64
    ) throws(CacheError) {
        let key = [location.host.description, location.repository.description, reference.description]
        let known = try read { db in
            try Row.fetchAll(
                db,
                sql: "SELECT digest FROM names WHERE host = ? AND repository = ? AND reference = ?",
                arguments: StatementArguments(key)
            ).map { $0["digest"] as Data }
        }
        guard known != [digest.key] else { return }
        try write { db in
            try db.execute(
                sql: "DELETE FROM pulled_names WHERE host = ? AND repository = ? AND reference = ?",
                arguments: StatementArguments(key)
            )
            try db.execute(
                sql: """
                    INSERT INTO pulled_names (host, repository, reference, digest, updated_at)
                    SELECT ?1, ?2, ?3, ?4, ?5 WHERE NOT EXISTS (
                        SELECT 1 FROM tags WHERE host = ?1 AND repository = ?2 AND tag = ?3 AND digest = ?4
                    )
                    """,
                arguments: StatementArguments(key) + [digest.key, now]
            )
        }
    }

    /// What a tag names, whether all of it is there or not; the name that was given last decides.
    func anyDescriptor(of tag: TagName, in location: RepositoryReference) throws(CacheError) -> Descriptor? {
        try read { db in
            try Row.fetchOne(
                db,
                sql: """
                    SELECT digest, media_type, size FROM names JOIN manifests USING (digest) JOIN blobs USING (digest)
                    WHERE host = ? AND repository = ? AND reference = ?
                    ORDER BY updated_at DESC LIMIT 1
                    """,
                arguments: [location.host.description, location.repository.description, tag.description]
            ).flatMap(Self.descriptor)
        }
    }

    /// The tags of a repository, also those of images that are not all there.
    func anyTags(of location: RepositoryReference) throws(CacheError) -> [TagName] {
        try read { db in
            try String.fetchAll(
                db,
                sql: "SELECT DISTINCT reference FROM names WHERE host = ? AND repository = ?",
                arguments: [location.host.description, location.repository.description]
            ).compactMap { try? TagName($0) }
        }
    }

    /// The repositories that have tags or other names, sorted.
    func anyLocations() throws(CacheError) -> [RepositoryReference] {
        try read { db in
            try Row.fetchAll(db, sql: "SELECT DISTINCT host, repository FROM names ORDER BY host, repository")
                .map { row in
                    try RepositoryReference(
                        host: RegistryHost(row["host"] as String),
                        repository: RepositoryName(row["repository"] as String)
                    )
                }
        }
    }

    /// Every manifest that has a name, whether all of it is there or not.
    func namedDescriptors() throws(CacheError) -> [Descriptor] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT DISTINCT digest, media_type, size
                    FROM names JOIN manifests USING (digest) JOIN blobs USING (digest)
                    """
            ).compactMap(Self.descriptor)
        }
    }

    private static func descriptor(_ row: Row) throws -> Descriptor? {
        guard let digest = Digest(key: row["digest"]) else { return nil }
        return Descriptor(mediaType: try MediaType(row["media_type"] as String), digest: digest, size: row["size"])
    }
}

extension CacheIndex {
    /// A name that was given on demand.
    struct PulledName: Sendable {
        let location: RepositoryReference
        let reference: Reference
        let digest: Digest
    }

    /// All of them, by repository and name.
    func pulledNames() throws(CacheError) -> [PulledName] {
        try read { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT host, repository, reference, digest FROM pulled_names ORDER BY host, repository, reference
                    """
            )
            return try rows.compactMap { row in
                guard let digest = Digest(key: row["digest"]) else { return nil }
                let location = RepositoryReference(
                    host: try RegistryHost(row["host"] as String),
                    repository: try RepositoryName(row["repository"] as String)
                )
                return PulledName(location: location, reference: try Reference(name: row["reference"]), digest: digest)
            }
        }
    }

    /// All that an image consists of.
    ///
    /// - Returns: `nil` when some of it is not recorded as whole.
    func closure(of digest: Digest) throws(CacheError) -> [Descriptor]? {
        try read { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    WITH RECURSIVE closure (digest) AS (
                        SELECT ?1
                        UNION
                        SELECT edges.child FROM edges JOIN closure ON edges.parent = closure.digest
                        WHERE edges.kind <> 'subject'
                    )
                    SELECT digest, size, state FROM closure LEFT JOIN blobs USING (digest)
                    """,
                arguments: [digest.key]
            )
            var found: [Descriptor] = []
            for row in rows {
                guard let digest = Digest(key: row["digest"]), let size: Int64 = row["size"],
                    (row["state"] as String?) == BlobState.ok.rawValue,
                    let descriptor = Descriptor(mediaType: .octetStream, digest: digest, size: size)
                else { return nil }
                found.append(descriptor)
            }
            return found
        }
    }

    /// Whether a manifest is the child of another one that is recorded.
    func isChild(_ digest: Digest) throws(CacheError) -> Bool {
        try read { db in
            try Bool.fetchOne(
                db,
                sql: "SELECT EXISTS (SELECT 1 FROM edges WHERE child = ? AND kind = 'child')",
                arguments: [digest.key]
            )
        } == true
    }

    /// The sizes that a repository's manifests give a blob: one, unless they contradict each other.
    func sizes(of digest: Digest, in location: RepositoryReference) throws(CacheError) -> [Int64] {
        try read { db in
            try Int64.fetchAll(
                db,
                sql: """
                    SELECT DISTINCT edges.size FROM edges JOIN blob_sources ON blob_sources.digest = edges.parent
                    WHERE edges.child = ? AND blob_sources.host = ? AND blob_sources.repository = ?
                    """,
                arguments: [digest.key, location.host.description, location.repository.description]
            )
        }
    }

    /// Notes that blobs were used, all in one transaction.
    func touch(_ digests: some Sequence<Digest>, at now: Int64) throws(CacheError) {
        try write { db in
            let update = try db.makeStatement(sql: "UPDATE blobs SET used_at = max(used_at, ?) WHERE digest = ?")
            for digest in digests { try update.execute(arguments: [now, digest.key]) }
        }
    }
}

extension Reference {
    init(name: String) throws(ReferenceError) {
        self = name.contains(":") ? .digest(try Digest(name)) : .tag(try TagName(name))
    }
}
