import Cache
import Concurrency
import OCI

extension ImageCopy {
    func referrerTags() async throws -> ReferrerTags { try await job.referrerTags(source, known) }

    /// Whether the target has lost one of the tags under which referrers are kept: it does not list it, and says so when it
    /// is asked for it.
    func lacksAtTarget(_ tag: TagName) async throws -> Bool {
        guard job.targetReferrerTags?.lacks(tag) == true,
            case .known(false) = try await target.asking({ try await $0.holds(.tag(tag)) })
        else { return false }
        return true
    }

    /// Notes what the target was given under one of the tags under which referrers are kept.
    func noteGiven(_ digest: Digest, as tag: TagName) async throws {
        guard !cache.isReadOnly else { return }
        try await cache.copies.note(of: digest, to: job.place(of: tag), from: tag, of: job.source)
    }

    /// Notes of what the target is given a part, and whether that is an index made here; what comes from the cache may have
    /// been made before.
    func noteChoice(of image: Image) async throws {
        let (isMade, digest) = (image.graph.isMade, image.graph.top.descriptor.digest)
        guard !cache.isReadOnly, isMade || !source.isCache else { return }
        var choice: Copies.Choice?
        if !source.isCache, !job.platforms.isEmpty {
            choice = Copies.Choice(of: image.document.descriptor.digest, for: job.platforms, as: digest)
        }
        try await cache.copies.note(isMade: isMade, digest, choosing: choice, at: job.place)
    }

    /// What was mirrored of the tag before: what the target is known to have, as the cache remembers it, else as the target
    /// says.
    ///
    /// It is taken as it is, whatever platforms are chosen by now.
    ///
    /// - Parameters:
    ///   - present: what the target has, where it was asked.
    ///   - keeps: whether what the target says is remembered, so that the next run need not ask.
    /// - Returns: `nil` when nobody tells.
    /// - Throws: `CacheError`; what the target and the source throw; `CancellationError`.
    func mirrored(_ present: Digest?, keeping keeps: Bool) async throws -> ImageGraph? {
        var (top, platforms, isNew) = (Manifest?.none, [PlatformPattern](), false)
        // By another algorithm the cache does not know it.
        if let present, present.algorithm == .sha256 {
            top = try cache.manifest(present)
        } else if let given = try await cache.copies.last(to: job.place) {
            top = try cache.manifest(given)
        } else if case .tag(let tag) = job.reference,
            let named = try await cache.copies.copied(to: job.place, from: tag, of: job.source)
        {
            // Of what the source's tag stands for the target may have a part.
            (top, platforms) = (try cache.manifest(named), job.platforms)
        }
        // Of what the cache lacks it has no referrers to bring.
        if top == nil, !source.isCache,
            case .known(let there) = try await target.asking({ try await $0.manifest(.tag(job.tag)) })
        {
            (top, platforms, isNew) = (there, [], there != nil)
        }
        guard let top else { return nil }
        var walk = ImageWalk(configs)
        walk.configs.keeps = keeps
        var graph = try await walk.graph(of: top, platforms: platforms)
        if try await cache.copies.isMade(graph.top.descriptor.digest, at: job.place) { graph.isMade = true }
        if isNew, keeps { try await remember(top, graph.children) }
        return graph
    }

    /// What the target has under the tag.
    private func remember(_ top: Manifest, _ children: [Manifest]) async throws {
        for manifest in children + [top] { try await cache.store(manifest, from: nil) }
        guard case .tag(let tag) = job.reference else { return }
        try await cache.copies.note(of: top.descriptor.digest, to: job.place, from: tag, of: job.source)
    }
}

extension ImageTarget {
    /// Whether the target has what it was given before; some know no HEAD of what they have.
    func holds(_ reference: Reference) async throws -> Bool {
        if try await resolve(reference) != nil { return true }
        return try await manifest(reference) != nil
    }
}
