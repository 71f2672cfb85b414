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

    /// All tags of whole images, each given to what gathers them: there may be more than is to be held.
    func tags<Result: Sendable>(
        into start: Result,
        _ add: @escaping @Sendable (inout Result, TagRow) -> Void
    ) async throws -> Result {
        try await index.readPages((result: start, last: TagRow?.none)) { state, db, page in
            while !page.isOver {
                let more = try db.names.tags(of: nil, after: state.last, limit: Self.size)
                for row in more { add(&state.result, row) }
                guard more.count == Self.size else { return true }
                state.last = more.last
            }
            return false
        }.result
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
        var known: [Digest: Descriptor] = [:]
        while !page.isOver {
            let more = try db.names.tags(of: location, after: tags.last, limit: size)
            for row in more { tags.append(row.sharing(tags.last, &known)) }
            guard more.count == size else { return true }
        }
        return false
    }
}

extension TagRow {
    /// The same row, with what it has in common with others held once: there may be hundreds of thousands.
    fileprivate func sharing(_ last: TagRow?, _ known: inout [Digest: Descriptor]) -> TagRow {
        let location = last.flatMap { $0.location == self.location ? $0.location : nil } ?? self.location
        var shared = descriptor
        if let first = known[descriptor.digest], first == descriptor {
            shared = first
        } else {
            known[descriptor.digest] = descriptor
        }
        return TagRow(location: location, tag: tag, descriptor: shared)
    }
}
