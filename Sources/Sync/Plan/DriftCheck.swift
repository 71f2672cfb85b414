import Cache
import OCI

/// Whether an upstream tag has moved on since it was mirrored, as far as that costs no request: by what the listing
/// told and what the cache remembers.
struct DriftCheck {
    let entry: Configuration.Entry
    let cache: ContentCache

    /// - Returns: `nil` when it cannot be told.
    /// - Throws: `CacheError`.
    func hasDrifted(_ tag: EntryPlan.Tag) async throws -> Bool? {
        guard let listed = tag.listed.digest,
            let mirrored = try await cache.names.resolve(.tag(tag.source), in: entry.source)
        else { return nil }
        if mirrored.digest == listed { return false }
        guard mirrored.digest.algorithm == listed.algorithm else { return nil }
        guard !entry.platforms.isEmpty else { return true }
        // What was pushed is one of the tag's images, or an index of some of them that has a digest of its own.
        let images = Set(tag.listed.images.map(\.digest))
        guard !images.isEmpty else { return nil }
        guard mirrored.mediaType.isIndex else { return !images.contains(mirrored.digest) }
        guard let index = try cache.manifest(mirrored) else { return nil }
        return !index.references.allSatisfy { images.contains($0.digest) }
    }
}
