import Cache
import OCI

/// Gives a tag that needs no copy its name in the cache again, after names were lost with the index.
///
/// Once all selected tags have been looked at, a collection takes what has no name for garbage.
struct NameRecovery {
    let entry: Configuration.Entry
    /// Tells what a copy would push.
    let comparison: DigestComparison
    let target: any ImageTarget
    let cache: ContentCache

    /// Names what the target has under the tag, or else what a copy would push there, where the cache holds all of it.
    ///
    /// - Parameters:
    ///   - tag: one that needs no copy.
    ///   - present: what the target is known to have under it.
    /// - Returns: `false` where the target does not tell what it has: then the cache may hold it, and nothing says so.
    /// - Throws: `CacheError`; what source and target throw, as it cannot be told then what is wanted.
    func recover(_ tag: EntryPlan.Tag, present: Digest?) async throws -> Bool {
        let place = Names.Place(location: entry.target, tag: tag.target)
        let copied = try await copied(tag, present)
        guard try await cache.names.resolve(.tag(tag.source), in: entry.source) == nil else {
            if let copied {
                try await cache.copies.note(of: copied, to: place, from: tag.source, of: entry.source)
            }
            return true
        }
        if let copied, let image = try held(copied) {
            try await name(tag, image, copying: (place, copied))
        } else if let digest = try await pushed(tag), let image = try held(digest) {
            try await name(tag, image, copying: nil)
        } else {
            return copied != nil
        }
        return true
    }

    /// Names an image, unless the tag has been given another one meanwhile.
    private func name(
        _ tag: EntryPlan.Tag,
        _ image: Descriptor,
        copying copy: (place: Names.Place, digest: Digest)?
    ) async throws {
        let assignment = Names.Assignment(location: entry.source, tag: tag.source, descriptor: image)
        _ = try await cache.names.record(assignment, over: nil, copying: copy)
    }

    /// Forgets what a copy that failed has left under a tag which needs none any more, where the source has something else now.
    ///
    /// - Parameters:
    ///   - digest: what a copy would push, which the target has.
    ///   - tag: the source's tag.
    /// - Throws: `CacheError`.
    func forgetOthers(than digest: Digest, of tag: TagName) async throws {
        guard let left = try await cache.names.images(of: tag, in: entry.source).first, !left.wasWhole else { return }
        if try await DigestComparison.wouldPush(left.descriptor, for: entry, as: digest, from: cache) { return }
        try await cache.names.forgetPulled(.tag(tag), of: entry.source)
    }

    /// What the target has; `nil` where it does not tell.
    private func copied(_ tag: EntryPlan.Tag, _ present: Digest?) async throws -> Digest? {
        if let present { return present }
        let answer = try await target.asking { try await $0.resolve(.tag(tag.target)) }
        if case .known(let descriptor) = answer { return descriptor?.digest }
        return nil
    }

    /// - Returns: `nil` where the source has nothing that could be copied any more.
    private func pushed(_ tag: EntryPlan.Tag) async throws -> Digest? {
        do {
            return try await comparison.pushedDigest(of: tag)
        } catch is CopyError {
            return nil
        }
    }

    /// - Returns: `nil` where anything of the image is not here.
    private func held(_ digest: Digest) throws -> Descriptor? {
        guard let image = try cache.manifest(digest), try cache.isWhole(image) else { return nil }
        return image.descriptor
    }
}
