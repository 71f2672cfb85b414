import Cache
import Logging
import OCI
import Synchronization

/// Manifests of upstreams by tag and by digest, kept in the cache.
final class PulledManifests: Sendable {
    /// A manifest, and whether the cache has it under the name that was asked for.
    private struct Heard: Sendable {
        let manifest: Manifest
        var isKept = true
    }

    /// What a tag names in the cache, whole or in parts.
    private struct Held: Sendable {
        /// Also those whose manifests were lost.
        let names: Set<Digest>
        /// The newest, which alone is what the tag was heard to be; `nil` where it was lost.
        let newest: Manifest?
        let older: [Manifest]
    }

    private let context: PullThroughContext
    /// What the cache keeps is not kept here: it is only known what was heard, and whether it is believed.
    private let tags: Question<ImageReference, Heard>
    private let digests: Question<ImageReference, Heard>
    /// Hosts that have told by HEAD what a tag points at, so that their 404 to one can be believed.
    private let answeringHEAD = Mutex<Set<RegistryHost>>([])

    init(_ context: PullThroughContext) {
        self.context = context
        let question = { lifetimes in
            Question<ImageReference, Heard>(
                lifetimes,
                capacity: 16 << 20,
                context.questions,
                name: { $0.manifest.descriptor.digest },
                find: { name, digest in
                    // What a sync has taken the tag from is to be heard anew, so that it gets it back.
                    if let tag = name.tag {
                        let images = try await context.cache.names.images(of: tag, in: name.location)
                        guard images.first?.descriptor.digest == digest else { return nil }
                    }
                    let manifest = try await context.cached.manifest(.digest(digest), of: name.location)
                    return manifest.map { Heard(manifest: $0.manifest) }
                },
                weigh: { $0.isKept ? nil : 8 * Int($0.manifest.descriptor.size) }
            )
        }
        tags = question(context.lifetimes(absence: context.configuration.absenceLifetime))
        digests = question(context.lifetimes())
    }

    /// The manifest that a tag names: the cache's own while that is believed, else what the upstream says now.
    ///
    /// Where it says nothing, the last that it has said; where it cannot be reached, the last that can be pulled from here.
    func manifest(
        tagged tag: TagName,
        of repository: RepositoryReference,
        at upstream: any Upstream
    ) async throws -> ServedManifest? {
        let name = ImageReference(location: repository, tag: tag)
        let held = try await held(tag, of: repository)
        do {
            let standIn = { @Sendable [self] (error: UpstreamError) in
                try await fetchInstead(.tag(tag), of: repository, at: upstream, after: error)
            }
            let told = try await tags.ask(
                name,
                at: repository.host,
                own: held.newest.map { Heard(manifest: $0) },
                held: held.older.first.map { Heard(manifest: $0) },
                beside: held.names,
                standIn: standIn
            ) { [self] in
                guard let manifest = try await fetch(tag, of: repository, at: upstream) else {
                    await context.keeping("a tag is gone, and cannot be forgotten", repository) { cache in
                        try await cache.names.forgetPulled(.tag(tag), of: repository)
                    }
                    return nil
                }
                return await keep(manifest, as: .tag(tag), of: repository)
            }
            await keepNow(told, name, in: tags, as: .tag(tag), of: repository)
            let isHit = told.answer?.manifest.descriptor == held.newest?.descriptor
            guard told.source == .stale, let last = told.answer?.manifest else { return served(told, isHit: isHit) }
            let manifest = try await pullable(last, held, isOutOfReach: isOutOfReach(repository.host, upstream))
            return served(.init(answer: Heard(manifest: manifest), source: .stale), isHit: isHit)
        } catch {
            throw try context.failure(error)
        }
    }

    /// The manifest with a digest: what the cache holds is right for ever.
    func manifest(
        named digest: Digest,
        of repository: RepositoryReference,
        at upstream: any Upstream
    ) async throws -> ServedManifest? {
        if let known = try await context.cached.manifest(.digest(digest), of: repository) {
            context.metrics.count(.manifestHit)
            await keepByDigest(known.manifest, of: repository)
            return context.upkeep.used(known)
        }
        do {
            let name = ImageReference(location: repository, digest: digest)
            let standIn = { @Sendable [self] (error: UpstreamError) in
                try await fetchInstead(.digest(digest), of: repository, at: upstream, after: error)
            }
            let told = try await digests.ask(name, at: repository.host, hasAskedOthers: true, standIn: standIn) {
                [self] in
                try await fetch(.digest(digest), of: repository, at: upstream)
            }
            await keepNow(told, name, in: digests, as: .digest(digest), of: repository)
            return served(told, isHit: false, isTag: false)
        } catch {
            throw try context.failure(error)
        }
    }

    private func served(
        _ told: Question<ImageReference, Heard>.Told,
        isHit: Bool,
        isTag: Bool = true
    ) -> ServedManifest? {
        guard let manifest = told.answer?.manifest else {
            if told.source == .memory { context.metrics.count(.rememberedAbsence) }
            return nil
        }
        // What a digest names is right whoever gives it.
        let isStale = isTag && told.source == .stale
        context.metrics.count(isStale ? .staleTag : isHit ? .manifestHit : .manifestMiss)
        return context.upkeep.used(
            ServedManifest(manifest, warning: isStale ? PullThroughContext.staleWarning : nil)
        )
    }

    @concurrent
    private func held(_ tag: TagName, of repository: RepositoryReference) async throws -> Held {
        let images = try await context.cache.names.images(of: tag, in: repository).map(\.descriptor)
        return Held(
            names: Set(images.map(\.digest)),
            newest: try images.first.flatMap(storedManifest),
            older: try images.dropFirst().compactMap(storedManifest)
        )
    }

    /// The last manifest unless nobody could pull its image, as what is missing cannot be had, and an older one is held.
    @concurrent
    private func pullable(_ last: Manifest, _ held: Held, isOutOfReach: Bool) async throws -> Manifest {
        let older = ([held.newest] + held.older).compactMap(\.self).filter { $0.descriptor != last.descriptor }
        guard isOutOfReach, !older.isEmpty else { return last }
        return try ([last] + older).first(where: context.cached.canPull) ?? last
    }

    /// Whether neither the host can be reached nor who stands in for it.
    private func isOutOfReach(_ host: RegistryHost, _ upstream: any Upstream) -> Bool {
        guard let outage = context.health.outage(of: host) else { return false }
        return upstream.standIn(after: outage)?.isLeftAlone ?? true
    }

    private func storedManifest(_ descriptor: Descriptor) throws -> Manifest? {
        do {
            return try context.cached.manifest(descriptor)
        } catch is DocumentError {
            return nil
        }
    }

    /// Asks the upstream what a tag names, and for the manifest if the cache does not have that.
    ///
    /// By its digest, so that mirrors can be asked; by its tag where the upstream does not give it by that, or is not
    /// believed.
    @concurrent
    private func fetch(
        _ tag: TagName,
        of repository: RepositoryReference,
        at upstream: any Upstream
    ) async throws -> Manifest? {
        let names = context.cache.names
        let told = try await upstream.resolve(tag) { try await names.doubt($0, of: tag, in: repository) }
        guard let told else {
            // Nexus, among others, answers HEAD for every manifest with 404.
            guard !answeringHEAD.withLock({ $0.contains(repository.host) }) else { return nil }
            return try await upstream.manifest(.tag(tag))
        }
        answeringHEAD.withLock { _ = $0.insert(repository.host) }
        if let manifest = try told.manifest ?? storedManifest(told.descriptor) { return manifest }
        if let manifest = try await upstream.manifest(.digest(told.descriptor.digest)) { return manifest }
        return try await upstream.manifest(.tag(tag))
    }

    /// Asks who stands in for the upstream; only where nothing here has that name.
    private func fetchInstead(
        _ reference: Reference,
        of repository: RepositoryReference,
        at upstream: any Upstream,
        after error: UpstreamError
    ) async throws -> Heard? {
        guard let others = upstream.standIn(after: error) else { return nil }
        return try await fetch(reference, of: repository, at: others)
    }

    /// Fetches a manifest as it is named, and keeps it.
    private func fetch(
        _ reference: Reference,
        of repository: RepositoryReference,
        at upstream: any Upstream
    ) async throws -> Heard? {
        guard let manifest = try await upstream.manifest(reference) else { return nil }
        return await keep(manifest, as: reference, of: repository)
    }

    /// Tries once more to keep what could not be kept when it was heard.
    private func keepNow(
        _ told: Question<ImageReference, Heard>.Told,
        _ name: ImageReference,
        in question: Question<ImageReference, Heard>,
        as reference: Reference,
        of repository: RepositoryReference
    ) async {
        guard told.source != .upstream, let heard = told.answer, !heard.isKept else { return }
        question.handOver(await keep(heard.manifest, as: reference, of: repository), of: name)
    }

    /// Names a manifest that is here and that no name keeps any more, as where a tag has moved away from it.
    private func keepByDigest(_ manifest: Manifest, of repository: RepositoryReference) async {
        let digest = manifest.descriptor.digest
        await context.keeping("a manifest is served, but cannot be kept", repository) { cache in
            guard try await !cache.names.isKept(digest) else { return }
            try await cache.store(manifest, from: nil)
            try await cache.names.recordPulled(.digest(digest), of: repository, as: manifest.descriptor)
        }
    }

    /// Stores a manifest and names it.
    private func keep(_ manifest: Manifest, as reference: Reference, of repository: RepositoryReference) async -> Heard
    {
        let isKept = await context.keeping("a manifest is served, but cannot be cached", repository) { cache in
            try await cache.store(manifest, from: repository)
            try await cache.names.recordPulled(reference, of: repository, as: manifest.descriptor)
            context.upkeep.noteChange()
        }
        return Heard(manifest: manifest, isKept: isKept)
    }
}
