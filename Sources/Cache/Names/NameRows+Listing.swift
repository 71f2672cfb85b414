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

    /// So many tags of whole images by repository and tag, after one of them.
    func tags(after last: TagRow?, limit: Int) throws -> [TagRow] {
        let statement = try db.cachedStatement(
            sql: """
                SELECT host, repository, reference, digest, media_type, size
                FROM names CROSS JOIN manifests USING (digest) CROSS JOIN blobs USING (digest)
                WHERE is_whole AND (host, repository, reference) > (?, ?, ?)
                ORDER BY host, repository, reference LIMIT ?
                """
        )
        let place = last.map { ($0.location.host.description, $0.location.repository.description, $0.tag.description) }
        let (host, repository, tag) = place ?? ("", "", "")
        return try TagRow.fetchAll(statement, arguments: [host, repository, tag, limit])
    }

    /// The tags of a repository that were given on demand; in no order.
    func pulledTags(of location: RepositoryReference) throws -> [TagName] {
        try Reference.fetchAll(
            db,
            sql: "SELECT reference FROM names WHERE host = ? AND repository = ? AND NOT is_whole",
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

    /// So many names that were given on demand, by repository and name, after one of them.
    func pulled(after last: PulledName?, limit: Int) throws -> [PulledName] {
        let statement = try db.cachedStatement(
            sql: """
                SELECT host, repository, reference, digest FROM names
                WHERE NOT is_whole AND (host, repository, reference) > (?, ?, ?)
                ORDER BY host, repository, reference LIMIT ?
                """
        )
        let place = last.map {
            ($0.location.host.description, $0.location.repository.description, $0.reference.description)
        }
        let (host, repository, name) = place ?? ("", "", "")
        return try PulledName.fetchAll(statement, arguments: [host, repository, name, limit])
    }
}

extension CacheIndex {
    /// Rows that are read together.
    private static let pageSize = 250

    /// All tags of whole images by repository and tag, read in short transactions.
    func tags() async throws -> [TagRow] {
        try await readPages([TagRow]()) { tags, db, page in
            while !page.isOver {
                let more = try db.names.tags(after: tags.last, limit: Self.pageSize)
                tags += more
                guard more.count == Self.pageSize else { return true }
            }
            return false
        }
    }

    /// All names that were given on demand by repository and name, read in short transactions.
    func pulledNames() async throws -> [PulledName] {
        try await readPages([PulledName]()) { names, db, page in
            while !page.isOver {
                let more = try db.names.pulled(after: names.last, limit: Self.pageSize)
                names += more
                guard more.count == Self.pageSize else { return true }
            }
            return false
        }
    }
}
