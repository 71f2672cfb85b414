import Cache
import OCI

/// What the cache notes of what a target's tag is given; in one that is only read nothing.
struct TargetNotes {
    let job: CopyJob
    let cache: ContentCache

    /// Notes what the tag is given, which may be older than what is here of the source's; `nil` forgets it.
    func note(_ digest: Digest?, isLater: Bool = false) async throws {
        guard !cache.isReadOnly else { return }
        guard let digest else { return try await cache.copies.forget(to: job.place) }
        var tag: TagName?
        if case .tag(let name) = job.reference, !isLater { tag = name }
        try await cache.copies.note(of: digest, to: job.place, from: tag, of: job.source)
    }

    /// Notes what the tag was found to be, whoever gave it that.
    ///
    /// - Parameters:
    ///   - digest: what it is.
    ///   - document: what the source has, where platforms are chosen of it.
    ///   - isHeld: whether what the source's tag stands for in the cache holds that.
    /// - Throws: `CacheError`; what `isHeld` throws.
    func noteFound(_ digest: Digest, of document: Digest?, isHeld: () async throws -> Bool) async throws {
        guard !cache.isReadOnly else { return }
        if try await cache.copies.last(to: job.place) != digest { try await note(digest, isLater: isHeld()) }
        guard let document else { return }
        let choice = Copies.Choice(of: document, for: job.platforms, as: digest)
        try await cache.copies.note(choice, at: job.place)
    }

    /// Notes that it is not known what the target has as the tag, though it may be there.
    func doubt() async throws {
        guard !cache.isReadOnly else { return }
        try await cache.copies.doubt(job.place)
    }

    /// Notes that it is known what the target has as the tag.
    func settleDoubt() async throws {
        guard !cache.isReadOnly else { return }
        try await cache.copies.settleDoubt(job.place)
    }

    /// What to tell before a tag is given again what it was given last, and is not any more.
    func warnings(before manifest: Manifest, over present: Digest?) async throws -> [String] {
        guard let present, present != manifest.descriptor.digest,
            try await cache.copies.last(to: job.place) == manifest.descriptor.digest
        else { return [] }
        return [
            "\(job.target):\(job.tag) was given \(manifest.descriptor.digest) before and is \(present) now: somebody else "
                + "writes it too, or the target stores something else than it is given"
        ]
    }
}
