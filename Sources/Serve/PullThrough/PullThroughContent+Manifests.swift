import Cache
import Logging
import OCI
import Synchronization

extension PullThroughContent {
    /// What a question about a manifest came to.
    struct Fetched: Sendable {
        /// `nil` where the upstream has none.
        let manifest: Manifest?
        /// Whether its bytes had to be fetched.
        let isNew: Bool
    }

    /// The manifest that a tag names: the cache's own while that is believed, else what the upstream says now.
    func manifest(
        tagged tag: TagName,
        of repository: RepositoryReference,
        at upstream: any Upstream
    ) async throws -> ServedManifest? {
        let name = ImageReference(location: repository, tag: tag)
        let known = try await knownManifest(tag, of: repository)
        switch (knowledge[name], known) {
        case (.current, let known?): return hit(known)
        case (.failing, let known?): return stale(known)
        case (.absent, _):
            metrics.count(.rememberedAbsence)
            return nil
        default: break
        }
        do {
            let fetched = try await inTime(isUrgent: known != nil) { [self] in
                try await manifests.value(for: name) { [self] in try await check(name, tag, at: upstream) }
            }
            guard let manifest = fetched.manifest else { return nil }
            guard fetched.isNew else { return hit(manifest) }
            metrics.count(.manifestMiss)
            return used(ServedManifest(manifest))
        } catch {
            try Task.checkCancellation()
            guard let known else { throw failure(error) }
            return stale(known)
        }
    }

    /// The manifest with a digest: what the cache holds is right for ever.
    func manifest(
        named digest: Digest,
        of repository: RepositoryReference,
        at upstream: any Upstream
    ) async throws -> ServedManifest? {
        if let known = try await cached.manifest(.digest(digest), of: repository) { return hit(known.manifest) }
        let name = ImageReference(location: repository, digest: digest)
        guard knowledge[name] == nil else {
            metrics.count(.rememberedAbsence)
            return nil
        }
        do {
            let fetched = try await manifests.value(for: name) { [self] in
                guard let manifest = try await upstream.manifest(.digest(digest)) else { return absent(name) }
                await keep(manifest, as: .digest(digest), of: repository)
                return Fetched(manifest: manifest, isNew: true)
            }
            metrics.count(.manifestMiss)
            return fetched.manifest.map { used(ServedManifest($0)) }
        } catch {
            try Task.checkCancellation()
            throw failure(error)
        }
    }

    /// What the cache has for a tag, whole or in parts.
    @concurrent
    private func knownManifest(_ tag: TagName, of repository: RepositoryReference) async throws -> Manifest? {
        guard let descriptor = try await cache.names.resolveAny(tag, in: repository) else { return nil }
        return try storedManifest(descriptor)
    }

    private func storedManifest(_ descriptor: Descriptor) throws -> Manifest? {
        do {
            return try cache.manifest(descriptor)
        } catch is DocumentError {
            return nil
        }
    }

    /// Asks the upstream what a tag names, and for the manifest if the cache does not have that.
    @concurrent
    private func check(_ name: ImageReference, _ tag: TagName, at upstream: any Upstream) async throws -> Fetched {
        do {
            guard let fetched = try await ask(name, tag, at: upstream), let manifest = fetched.manifest else {
                return absent(name)
            }
            await keep(manifest, as: .tag(tag), of: name.location)
            knowledge.remember(.current, of: name, for: configuration.tagLifetime)
            return fetched
        } catch {
            knowledge.remember(.failing, of: name, for: restPeriod(after: error))
            configuration.logger.warning(
                "an upstream cannot say what a tag points at; what the cache has is served",
                metadata: ["image": "\(name)", "error": "\(error)"]
            )
            throw error
        }
    }

    /// - Returns: `nil` where the tag does not exist.
    private func ask(_ name: ImageReference, _ tag: TagName, at upstream: any Upstream) async throws -> Fetched? {
        let host = name.location.host
        guard let descriptor = try await upstream.resolve(tag) else {
            // Nexus, among others, answers HEAD for every manifest with 404.
            guard !answeringHEAD.withLock({ $0.contains(host) }) else { return nil }
            return try await upstream.manifest(.tag(tag)).map { Fetched(manifest: $0, isNew: true) }
        }
        answeringHEAD.withLock { _ = $0.insert(host) }
        if let known = try storedManifest(descriptor) { return Fetched(manifest: known, isNew: false) }
        return try await fetch(descriptor, tag, from: upstream).map { Fetched(manifest: $0, isNew: true) }
    }

    /// By its digest, so that mirrors can be asked; by its tag where the upstream does not give it by that.
    private func fetch(
        _ descriptor: Descriptor,
        _ tag: TagName,
        from upstream: any Upstream
    ) async throws -> Manifest? {
        if let manifest = try await upstream.manifest(.digest(descriptor.digest)) { return manifest }
        return try await upstream.manifest(.tag(tag))
    }

    /// Stores a manifest and names it; a cache that cannot is no reason not to serve it.
    private func keep(_ manifest: Manifest, as reference: Reference, of repository: RepositoryReference) async {
        do {
            try await cache.store(manifest, from: repository)
            try await cache.names.recordPulled(reference, of: repository, as: manifest.descriptor)
            noteChange()
        } catch {
            configuration.logger.warning(
                "a manifest is served, but cannot be cached",
                metadata: ["repository": "\(repository)", "error": "\(error)"]
            )
        }
    }

    private func absent(_ name: ImageReference) -> Fetched {
        knowledge.remember(.absent, of: name, for: configuration.absenceLifetime)
        return Fetched(manifest: nil, isNew: false)
    }

    /// How long a failing upstream is left alone: as long as it says, within reason.
    private func restPeriod(after error: any Error) -> Duration {
        guard case .rateLimited(let delay?)? = (error as? UpstreamError)?.kind else {
            return configuration.failureLifetime
        }
        return min(max(delay, configuration.failureLifetime), .seconds(300))
    }
}

extension PullThroughContent {
    /// Where there is an older answer, a slow upstream is not waited for long; it is still listened to.
    private func inTime(
        isUrgent: Bool,
        _ question: @escaping @Sendable () async throws -> Fetched
    ) async throws -> Fetched {
        guard isUrgent else { return try await question() }
        return try await withThrowingTaskGroup(of: Fetched.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await question() }
            group.addTask { [time, patience = configuration.patience] in
                try await time.sleep(patience)
                throw UpstreamError(.timeout, "the upstream is slow to say what the tag points at")
            }
            guard let first = try await group.next() else { throw CancellationError() }
            return first
        }
    }

    private func hit(_ manifest: Manifest) -> ServedManifest {
        metrics.count(.manifestHit)
        return used(ServedManifest(manifest))
    }

    private func stale(_ manifest: Manifest) -> ServedManifest {
        metrics.count(.staleTag)
        return used(ServedManifest(manifest, warning: Self.staleWarning))
    }
}
