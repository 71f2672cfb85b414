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
        let place = Names.Place(location: entry.target, tag: tag.target)
        guard let listed = tag.listed.digest,
            let mirrored = try await cache.copies.copied(to: place, from: tag.source, of: entry.source)
        else { return nil }
        if mirrored == listed { return false }
        guard mirrored.algorithm == listed.algorithm else { return nil }
        let images = Set(tag.listed.images.map(\.digest))
        // One of its images may be all that was chosen of it then.
        guard !entry.platforms.isEmpty else { return images.contains(mirrored) ? nil : true }
        // What was pushed is one of the tag's images, or an index of some of them that has a digest of its own.
        guard !images.isEmpty else { return nil }
        if images.contains(mirrored) { return false }
        guard let document = try cache.manifest(mirrored) else { return nil }
        guard case .index(let index) = document.content else { return true }
        return !index.entries.allSatisfy { images.contains($0.descriptor.digest) }
    }
}
