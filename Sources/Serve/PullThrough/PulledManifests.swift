import Cache
import Logging
import OCI
import Synchronization

/// Manifests of upstreams by tag and by digest, kept in the cache.
final class PulledManifests: Sendable {
    private let context: PullThroughContext
    /// The cache keeps the bytes; here it is only known whether they are believed.
    private let question: Question<ImageReference, Manifest>
    /// Hosts that have told by HEAD what a tag points at, so that their 404 to one can be believed.
    private let answeringHEAD = Mutex<Set<RegistryHost>>([])

    init(_ context: PullThroughContext) {
        self.context = context
        let lifetimes = context.lifetimes(absence: context.configuration.absenceLifetime)
        question = Question(lifetimes, capacity: 16 << 20, context.questions) { _ in nil }
    }

    /// The manifest that a tag names: the cache's own while that is believed, else what the upstream says now.
    ///
    /// Where it says nothing, the newest that is whole here: parts that are missing cannot be had either.
    func manifest(
        tagged tag: TagName,
        of repository: RepositoryReference,
        at upstream: any Upstream
    ) async throws -> ServedManifest? {
        let name = ImageReference(location: repository, tag: tag)
        let held = try await heldManifests(tag, of: repository)
        let known = held.first
        do {
            let standIn = { @Sendable [self] (error: UpstreamError) in
                try await fetchInstead(.tag(tag), of: repository, at: upstream, after: error)
            }
            let told = try await question.ask(name, at: repository.host, own: known, standIn: standIn) { [self] in
                guard let manifest = try await fetch(tag, of: repository, at: upstream) else {
                    await context.keeping("a tag is gone, and cannot be forgotten", repository) { cache in
                        try await cache.names.forgetPulled(tag, of: repository)
                    }
                    return nil
                }
                await keep(manifest, as: .tag(tag), of: repository)
                return manifest
            }
            if told.source == .stale, let whole = try await wholeManifest(held) {
                return served(.init(answer: whole, source: .stale), isHit: true)
            }
            return served(told, isHit: told.answer?.descriptor == known?.descriptor)
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
            return context.upkeep.used(known)
        }
        do {
            let name = ImageReference(location: repository, digest: digest)
            let standIn = { @Sendable [self] (error: UpstreamError) in
                try await fetchInstead(.digest(digest), of: repository, at: upstream, after: error)
            }
            let told = try await question.ask(name, at: repository.host, hasAskedOthers: true, standIn: standIn) {
                [self] in
                try await fetch(.digest(digest), of: repository, at: upstream)
            }
            return served(told, isHit: false, isTag: false)
        } catch {
            throw try context.failure(error)
        }
    }

    private func served(
        _ told: Question<ImageReference, Manifest>.Told,
        isHit: Bool,
        isTag: Bool = true
    ) -> ServedManifest? {
        guard let manifest = told.answer else {
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

    /// What the cache has for a tag, whole or in parts, the newest first.
    @concurrent
    private func heldManifests(_ tag: TagName, of repository: RepositoryReference) async throws -> [Manifest] {
        try await context.cache.names.images(of: tag, in: repository).compactMap { try storedManifest($0.descriptor) }
    }

    /// The first of those between which there is a choice that can be served without asking anybody.
    @concurrent
    private func wholeManifest(_ held: [Manifest]) async throws -> Manifest? {
        held.count > 1 ? try held.first(where: context.cache.isWhole) : nil
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
    /// By its digest, so that mirrors can be asked; by its tag where the upstream does not give it by that.
    @concurrent
    private func fetch(
        _ tag: TagName,
        of repository: RepositoryReference,
        at upstream: any Upstream
    ) async throws -> Manifest? {
        guard let descriptor = try await upstream.resolve(tag) else {
            // Nexus, among others, answers HEAD for every manifest with 404.
            guard !answeringHEAD.withLock({ $0.contains(repository.host) }) else { return nil }
            return try await upstream.manifest(.tag(tag))
        }
        answeringHEAD.withLock { _ = $0.insert(repository.host) }
        if let known = try storedManifest(descriptor) { return known }
        if let manifest = try await upstream.manifest(.digest(descriptor.digest)) { return manifest }
        return try await upstream.manifest(.tag(tag))
    }

    /// Asks who stands in for the upstream; only where nothing here has that name.
    private func fetchInstead(
        _ reference: Reference,
        of repository: RepositoryReference,
        at upstream: any Upstream,
        after error: UpstreamError
    ) async throws -> Manifest? {
        guard let others = upstream.standIn(after: error) else { return nil }
        return try await fetch(reference, of: repository, at: others)
    }

    /// Fetches a manifest as it is named, and keeps it.
    private func fetch(
        _ reference: Reference,
        of repository: RepositoryReference,
        at upstream: any Upstream
    ) async throws -> Manifest? {
        guard let manifest = try await upstream.manifest(reference) else { return nil }
        await keep(manifest, as: reference, of: repository)
        return manifest
    }

    /// Stores a manifest and names it.
    private func keep(_ manifest: Manifest, as reference: Reference, of repository: RepositoryReference) async {
        await context.keeping("a manifest is served, but cannot be cached", repository) { cache in
            try await cache.store(manifest, from: repository)
            try await cache.names.recordPulled(reference, of: repository, as: manifest.descriptor)
            context.upkeep.noteChange()
        }
    }
}
