import GRDB
import OCI

/// One tag that the cache holds.
struct TagRow: Sendable, FetchableRecord {
    let location: RepositoryReference
    let tag: TagName
    let descriptor: Descriptor

    var reference: ImageReference { ImageReference(location: location, tag: tag) }

    init(location: RepositoryReference, tag: TagName, descriptor: Descriptor) {
        self.location = location
        self.tag = tag
        self.descriptor = descriptor
    }

    init(row: Row) throws {
        location = try RepositoryReference(row: row)
        tag = try row.decode(TagName.self, forColumn: "reference")
        descriptor = try Descriptor(row: row)
    }
}

/// A name that was given on demand, to an image that may lack parts.
struct PulledName: Sendable, FetchableRecord {
    let location: RepositoryReference
    let reference: Reference
    let digest: Digest

    init(row: Row) throws {
        location = try RepositoryReference(row: row)
        reference = try row.decode(Reference.self, forColumn: "reference")
        digest = try row.decode(Digest.self, forColumn: "digest")
    }
}

extension NameRows {
    /// The tags of whole images, or a repository's, sorted by repository and tag.
    func tags(of location: RepositoryReference? = nil) throws -> [TagRow] {
        let place = location == nil ? "" : "AND host = ? AND repository = ?"
        return try TagRow.fetchAll(
            db,
            sql: """
                SELECT host, repository, reference, digest, media_type, size
                FROM names JOIN manifests USING (digest) JOIN blobs USING (digest)
                WHERE is_whole \(place) ORDER BY host, repository, reference
                """,
            arguments: location.map { [$0.host, $0.repository] } ?? []
        )
    }

    /// The tags of a repository, also those of images that are not all there; in no order.
    func anyTags(of location: RepositoryReference) throws -> [TagName] {
        try Reference.fetchAll(
            db,
            sql: "SELECT DISTINCT reference FROM names WHERE host = ? AND repository = ?",
            arguments: [location.host, location.repository]
        ).compactMap { if case .tag(let tag) = $0 { tag } else { nil } }
    }

    /// The repositories that have tags of whole images, sorted.
    func locations() throws -> [RepositoryReference] {
        try RepositoryReference.fetchAll(
            db,
            sql: "SELECT DISTINCT host, repository FROM names WHERE is_whole ORDER BY host, repository"
        )
    }

    /// The repositories that have names of any kind, sorted.
    func anyLocations() throws -> [RepositoryReference] {
        try RepositoryReference.fetchAll(
            db,
            sql: "SELECT DISTINCT host, repository FROM names ORDER BY host, repository"
        )
    }

    /// Every manifest that has a name, whether all of it is there or not.
    func descriptors() throws -> [Descriptor] {
        try Descriptor.fetchAll(
            db,
            sql: """
                SELECT DISTINCT digest, media_type, size
                FROM names JOIN manifests USING (digest) JOIN blobs USING (digest)
                """
        )
    }

    /// All names that were given on demand, by repository and name.
    func pulled() throws -> [PulledName] {
        try PulledName.fetchAll(
            db,
            sql: """
                SELECT host, repository, reference, digest FROM names WHERE NOT is_whole
                ORDER BY host, repository, reference
                """
        )
    }
}
