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

extension TagImage: FetchableRecord {
    init(row: Row) throws {
        descriptor = try Descriptor(row: row)
        wasWhole = try row.decode(Bool.self, forColumn: "is_whole")
    }
}

extension NameRows {
    /// So many tags of whole images by repository and tag, or a repository's, after one of them.
    func tags(of location: RepositoryReference? = nil, after last: TagRow?, limit: Int) throws -> [TagRow] {
        let place = location == nil ? "" : "AND host = ?5 AND repository = ?6"
        let statement = try db.cachedStatement(
            sql: """
                SELECT host, repository, reference, digest, media_type, size
                FROM names CROSS JOIN manifests USING (digest) CROSS JOIN blobs USING (digest)
                WHERE is_whole AND (host, repository, reference) > (?1, ?2, ?3) \(place)
                ORDER BY host, repository, reference LIMIT ?4
                """
        )
        let start: StatementArguments =
            last.map { [$0.location.host, $0.location.repository, $0.tag, limit] }
            ?? [location?.host.description ?? "", location?.repository.description ?? "", "", limit]
        return try TagRow.fetchAll(statement, arguments: start + (location.map { [$0.host, $0.repository] } ?? []))
    }

    /// The first repository after one that has names: tags of whole images, or any.
    func location(after last: RepositoryReference?, isWhole: Bool) throws -> RepositoryReference? {
        let statement = try db.cachedStatement(
            sql: """
                SELECT host, repository FROM names WHERE (host, repository) > (?, ?) AND is_whole >= ?
                ORDER BY host, repository LIMIT 1
                """
        )
        let (host, repository) = last.map { ($0.host.description, $0.repository.description) } ?? ("", "")
        return try RepositoryReference.fetchOne(statement, arguments: [host, repository, isWhole])
    }

    /// What a repository's names stand for that were given on demand.
    func pulled(from location: RepositoryReference) throws -> [Digest] {
        try Digest.fetchAll(
            db.cachedStatement(
                sql: "SELECT DISTINCT digest FROM names WHERE host = ? AND repository = ? AND NOT is_whole"
            ),
            arguments: [location.host, location.repository]
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
