import GRDB
import OCI

/// Reads all names, however many there are, in short transactions.
struct NameWalk: Sendable {
    /// Rows that are read together.
    private static let size = 250

    let index: CacheIndex

    /// All tags of whole images, or a repository's, by repository and tag.
    func tags(of location: RepositoryReference? = nil) async throws -> [TagRow] {
        try await index.readPages([TagRow]()) { try Self.addTags(of: location, to: &$0, $1, $2) }
    }

    /// As ``tags(of:)`` of all repositories; blocks.
    func tagsBlocking() throws(CacheError) -> [TagRow] {
        try index.readPagesBlocking([TagRow]()) { try Self.addTags(of: nil, to: &$0, $1, $2) }
    }

    /// The repositories that have names, tags of whole images or any; sorted.
    func locations(isWhole: Bool) async throws -> [RepositoryReference] {
        try await index.readPages([RepositoryReference]()) { locations, db, page in
            while !page.isOver {
                guard let next = try db.names.location(after: locations.last, isWhole: isWhole) else { return true }
                locations.append(next)
            }
            return false
        }
    }

    /// All names that were given on demand by repository and name.
    func pulled() async throws -> [PulledName] {
        try await index.readPages([PulledName]()) { names, db, page in
            while !page.isOver {
                let more = try db.names.pulled(after: names.last, limit: Self.size)
                names += more
                guard more.count == Self.size else { return true }
            }
            return false
        }
    }

    private static func addTags(
        of location: RepositoryReference?,
        to tags: inout [TagRow],
        _ db: Database,
        _ page: ReadPage
    ) throws -> Bool {
        while !page.isOver {
            let more = try db.names.tags(of: location, after: tags.last, limit: size)
            tags += more
            guard more.count == size else { return true }
        }
        return false
    }
}
