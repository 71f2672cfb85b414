package import Cache
import Concurrency
package import OCI

/// What the cache holds, and what upstreams have that it lacks: fetched when it is asked for, stored while it is served.
///
/// Everything is fetched once for all who ask at the same time. Answers to questions go on to come when who asked leaves,
/// blobs for as long as somebody waits for them. Upstreams are the configured ones alone. Nothing here holds a lease: what
/// is asked for is named in the cache before its blobs come, and what is served counts as used, so a collection leaves it
/// alone.
package final class PullThroughContent: ServedContent {
    private let cached: CachedContent
    private let upstreams: Upstreams
    private let manifests: PulledManifests
    private let lists: PulledLists
    private let blobs: PulledBlobs
    private let upkeep: Upkeep
    /// What goes on when who asked has left: questions, and transfers of blobs that are not stored.
    private let work: [DetachedWork]
    let metrics: ServeMetrics

    private init(
        _ cache: ContentCache,
        _ upstreams: Upstreams,
        _ configuration: PullThroughConfiguration,
        _ metrics: ServeMetrics
    ) {
        let context = PullThroughContext(cache, configuration, metrics)
        self.upstreams = upstreams
        self.metrics = metrics
        cached = context.cached
        upkeep = context.upkeep
        work = [context.questions.work, context.transfers]
        manifests = PulledManifests(context)
        lists = PulledLists(context)
        blobs = PulledBlobs(context)
    }

    /// Serves for the duration of `body`; what is under way to answer requests ends with it.
    ///
    /// Downloads of blobs belong to the cache's scope, which must be longer.
    package static func with<R>(
        _ cache: ContentCache,
        _ upstreams: Upstreams,
        _ configuration: PullThroughConfiguration,
        metrics: ServeMetrics = ServeMetrics(),
        _ body: (PullThroughContent) async throws -> R
    ) async throws -> R {
        let content = PullThroughContent(cache, upstreams, configuration, metrics)
        let result: Result<R, any Error> = await withTaskGroup(of: Void.self) { group in
            for work in content.work { group.addTask { await work.run() } }
            group.addTask { await content.upkeep.run() }
            let result: Result<R, any Error>
            do {
                result = .success(try await body(content))
            } catch {
                result = .failure(error)
            }
            group.cancelAll()
            await group.waitForAll()
            return result
        }
        await content.tend()
        return try result.get()
    }

    /// Records what was used and has come; as ``Upkeep/tend()``.
    func tend() async { await upkeep.tend() }

    package func manifest(
        _ reference: Reference,
        of repository: RepositoryReference
    ) async throws -> ServedManifest? {
        guard let upstream = upstreams.upstream(of: repository) else {
            let manifest = try await cached.manifest(reference, of: repository)
            return manifest.map { upkeep.used($0) }
        }
        return switch reference {
        case .tag(let tag): try await manifests.manifest(tagged: tag, of: repository, at: upstream)
        case .digest(let digest): try await manifests.manifest(named: digest, of: repository, at: upstream)
        }
    }

    /// What the upstream has is no loss here.
    package func canServe(
        _ manifest: Manifest,
        by reference: Reference,
        of repository: RepositoryReference
    ) async throws -> Bool {
        if upstreams.upstream(of: repository) != nil { return true }
        return try await cached.canServe(manifest, by: reference, of: repository)
    }

    package func blobAtHand(_ digest: Digest, of repository: RepositoryReference) throws -> BlobFile? {
        guard let file = try cached.blobAtHand(digest, of: repository) else { return nil }
        upkeep.note(used: digest)
        return file
    }

    package func fileAtHand(_ digest: Digest, of repository: RepositoryReference) throws -> FileStatus.Version? {
        guard let file = try cached.fileAtHand(digest, of: repository) else { return nil }
        upkeep.note(used: digest)
        return file
    }

    package func blob(
        _ digest: Digest,
        of repository: RepositoryReference,
        client: ServedClient = .unknown,
        isNeeded: @Sendable (Int64) -> Bool
    ) async throws -> ServedBlob? {
        if let file = try blobAtHand(digest, of: repository) { return .stored(file) }
        guard let upstream = upstreams.upstream(of: repository) else { return nil }
        return try await blobs.blob(digest, of: repository, at: upstream, client, isNeeded: isNeeded)
    }

    package func tags(of repository: RepositoryReference) async throws -> ServedList<TagName>? {
        guard let upstream = upstreams.upstream(of: repository) else { return try await cached.tags(of: repository) }
        return try await lists.tags(of: repository, at: upstream)
    }

    package func referrers(
        of digest: Digest,
        in repository: RepositoryReference,
        artifactType: String? = nil
    ) async throws -> ServedList<ReferrerEntry> {
        guard let upstream = upstreams.upstream(of: repository) else {
            return try await cached.referrers(of: digest, in: repository, artifactType: artifactType)
        }
        return try await lists.referrers(of: digest, in: repository, artifactType, at: upstream)
    }

    /// Of registries that are not asked, those of which something can be pulled from here: nothing else of them is answered.
    package func repositories() async throws -> [RepositoryReference] {
        let whole = Set(try await cached.repositories())
        var known: [RepositoryReference] = []
        for repository in try await cached.allRepositories() {
            var isKnown = whole.contains(repository) || upstreams.include(repository.host)
            if !isKnown { isKnown = try await cached.hasPulled(from: repository) }
            if isKnown { known.append(repository) }
        }
        return known
    }

    package func quarantine(_ blob: BlobFile) async {
        await cached.quarantine(blob)
    }
}
