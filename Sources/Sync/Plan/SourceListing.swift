import OCI
import Registry

/// Lists a source's tags: by Docker Hub's API where there is one, else by the registry itself; or those of the cache.
struct SourceListing: Sendable {
    let source: any ImageSource
    let client: RegistryClient

    /// - Returns: the tags in any order; a warning when Docker Hub's API failed and the registry listed them instead.
    /// - Throws: ``CopyError`` when there is no such repository, `RegistryError`, `CancellationError`.
    func tags() async throws -> (tags: [ListedTag], warnings: [String]) {
        if let cached = source as? CachedSource {
            let tags = try await cached.listed()
            guard !tags.isEmpty else { throw source.absence(of: nil) }
            return (tags, [])
        }
        let listed: [HubTag]?
        do {
            listed = try await client.hubTags(of: source.location)
        } catch let error as RegistryError {
            let warning = "Docker Hub's API does not list the tags, so the registry does, without dates: \(error)"
            return (try await plainTags(), [warning])
        }
        guard let listed else { return (try await plainTags(), []) }
        return (listed.map(ListedTag.init), [])
    }

    private func plainTags() async throws -> [ListedTag] {
        switch try await source.tags() {
        case .missing: throw source.absence(of: nil)
        case .found(let tags): return tags.map { ListedTag(name: $0) }
        }
    }
}

extension ListedTag {
    fileprivate init(_ tag: HubTag) {
        self.init(name: tag.name, date: tag.pushed, digest: tag.digest, images: tag.images)
    }
}
