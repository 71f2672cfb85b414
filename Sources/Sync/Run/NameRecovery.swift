import Archive
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

    /// Names what the target has under the tag, or else what a copy would push there, where the cache holds all of it; beside
    /// what another entry has named of the same image.
    ///
    /// - Parameters:
    ///   - tag: one that needs no copy.
    ///   - present: what the target is known to have under it.
    /// - Returns: `false` where the target does not tell what it has, or the source not of what image that is a part: then the
    ///   cache may hold it, and nothing says so.
    /// - Throws: `CacheError`; what source and target throw, as it cannot be told then what is wanted.
    func recover(_ tag: EntryPlan.Tag, present: Digest?) async throws -> Bool {
        let place = Names.Place(location: entry.target, tag: tag.target)
        let copied = try await copied(tag, present)
        let isNamed = try await cache.names.resolve(.tag(tag.source), in: entry.source) != nil
        var image = try copied.flatMap(held)
        let copy = image.map { (place: place, digest: $0.digest) }
        if image == nil, copied == nil || !isNamed { image = try await pushed(tag).flatMap(held) }
        guard let image else {
            guard isNamed else { return copied != nil }
            if let copied { try await cache.copies.note(of: copied, to: place, from: tag.source, of: entry.source) }
            return true
        }
        if !isNamed {
            let assignment = Names.Assignment(location: entry.source, tag: tag.source, descriptor: image)
            // Another entry may have named it meanwhile.
            if try await cache.names.record(assignment, over: nil, copying: copy) { return true }
        }
        return try await join(image, tag, copying: copy)
    }

    /// Has the tag stand for a part of the source's image, too.
    ///
    /// - Returns: `false` where the source does not have the image any more, so that nothing tells what else is of it.
    private func join(
        _ part: Descriptor,
        _ tag: EntryPlan.Tag,
        copying copy: (place: Names.Place, digest: Digest)?
    ) async throws -> Bool {
        if let named = try await cache.names.resolve(.tag(tag.source), in: entry.source),
            try await members(of: part).isSubset(of: members(of: named))
        {
            if let copy { try await cache.copies.note(of: copy.digest, to: copy.place, from: nil, of: entry.source) }
            return true
        }
        let document = try await comparison.source.manifest(
            .tag(tag.source),
            listedAs: tag.listed.digest,
            over: nil,
            in: cache
        )
        guard let document, try await comparison.wouldPush(document, as: part.digest) else { return false }
        let image = PartialImage(tag: tag.source, location: entry.source, cache: cache, place: copy?.place)
        try await image.record(part, of: document)
        return true
    }

    /// What an image is made of, whatever indexes are made of that.
    private func members(of image: Descriptor) async throws -> Set<Digest> {
        Set(try await ArchiveClosure(of: image, in: cache).descriptors.filter { !$0.mediaType.isIndex }.map(\.digest))
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
