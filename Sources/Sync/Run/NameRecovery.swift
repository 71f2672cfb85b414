import Cache
import OCI

/// Gives a tag that needs no copy its name in the cache again, after names were lost with the index.
///
/// Once all selected tags have been looked at, a collection takes what has no name for garbage.
struct NameRecovery {
    let entry: Configuration.Entry
    let source: any ImageSource
    let target: any ImageTarget
    let cache: ContentCache

    /// Names what the target has under the tag, or else what the source has, where the cache holds all of it.
    ///
    /// - Parameters:
    ///   - tag: one that needs no copy.
    ///   - present: what the target is known to have under it.
    /// - Throws: `CacheError`; what source and target throw, as it cannot be told then what is wanted.
    func recover(_ tag: EntryPlan.Tag, present: Digest?) async throws {
        let place = Names.Place(location: entry.target, tag: tag.target)
        var copied = present
        if copied == nil, case .known(let answer) = try await target.asking({ try await $0.resolve(.tag(tag.target)) })
        {
            copied = answer?.digest
        }
        guard try await cache.names.resolve(.tag(tag.source), in: entry.source) == nil else {
            guard let copied else { return }
            return try await cache.names.noteCopy(of: copied, to: place, from: tag.source, of: entry.source)
        }
        if let copied, let image = try held(copied) {
            return try await cache.names.record(tag.source, of: entry.source, as: image, copiedTo: place)
        }
        if let digest = try await source.resolve(.tag(tag.source))?.digest, let image = try held(digest) {
            try await cache.names.record(tag.source, of: entry.source, as: image)
        }
    }

    /// - Returns: `nil` where anything of the image is not here.
    private func held(_ digest: Digest) throws -> Descriptor? {
        guard let image = try cache.manifest(digest), try cache.isWhole(image) else { return nil }
        return image.descriptor
    }
}
