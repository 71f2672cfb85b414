package import Cache
import OCI

extension Configuration {
    /// What a collection is to do: keep `cache.max_size`, but never remove what the entries select.
    ///
    /// Asks nobody but the cache: an entry selects among the tags that the cache holds of its source as it would among
    /// those of the source. Where dates would decide, everything that matches stays.
    ///
    /// - Throws: `CacheError`.
    package func collection(of cache: ContentCache) async throws -> CollectionOptions {
        var options = CollectionOptions(maximumSize: self.cache.maximumSize?.bytes)
        for entry in entries {
            let held = try await cache.names.tags(of: entry.source).map { ListedTag(name: $0.0, digest: $0.1.digest) }
            guard let choice = try? TagSelector.select(from: held, for: entry) else { continue }
            for name in choice.tags.map(\.name) + choice.undated {
                options.pins.insert(ImageReference(location: entry.source, tag: name))
            }
        }
        return options
    }
}
