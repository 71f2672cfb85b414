package import Cache
package import OCI
import Synchronization

/// What the cache holds, and what upstreams have that it lacks: fetched when it is asked for, stored while it is served.
///
/// Everything is fetched once for all who ask at the same time, and goes on when they leave. Upstreams are the
/// configured ones alone. Nothing here holds a lease: what is asked for is named in the cache before its blobs come,
/// and what is served counts as used, so a collection leaves it alone.
package final class PullThroughContent: ServedContent {
    /// What is believed of a manifest's name for a while.
    enum Knowledge: Sendable {
        /// The cache's answer is right.
        case current
        /// The upstream does not have it.
        case absent
        /// The upstream fails when it is asked.
        case failing
    }

    static let staleWarning = "110 - \"Response is Stale\""

    let cache: ContentCache
    let cached: CachedContent
    let upstreams: Upstreams
    let configuration: PullThroughConfiguration
    let time: MonotonicTime
    let metrics: ServeMetrics
    let work = DetachedWork()
    let manifests: Flights<ImageReference, Fetched>
    let sizes: Flights<ImageReference, Int64?>
    let listings: Flights<RepositoryReference, [TagName]?>
    let searches: Flights<ImageReference, ServedList<Referrer>>
    let knowledge: Memory<ImageReference, Knowledge>
    let absentBlobs: Memory<ImageReference, Bool>
    let knownTags: Memory<RepositoryReference, [TagName]>
    let knownReferrers: Memory<ImageReference, ServedList<Referrer>>
    let usage = Mutex(Usage())
    /// Hosts that have told by HEAD what a tag points at, so that their 404 to one can be believed.
    let answeringHEAD = Mutex<Set<RegistryHost>>([])

    private init(
        _ cache: ContentCache,
        _ upstreams: Upstreams,
        _ configuration: PullThroughConfiguration,
        _ metrics: ServeMetrics
    ) {
        self.cache = cache
        self.upstreams = upstreams
        self.configuration = configuration
        self.metrics = metrics
        cached = CachedContent(cache)
        time = MonotonicTime(configuration.clock)
        manifests = Flights(work)
        sizes = Flights(work)
        listings = Flights(work)
        searches = Flights(work)
        knowledge = Memory(capacity: 20_000, time: time)
        absentBlobs = Memory(capacity: 10_000, time: time)
        knownTags = Memory(capacity: 64, time: time)
        knownReferrers = Memory(capacity: 1000, time: time)
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
            group.addTask { await content.work.run() }
            group.addTask { await content.keepUp() }
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

    package func manifest(
        _ reference: Reference,
        of repository: RepositoryReference
    ) async throws -> ServedManifest? {
        guard let upstream = upstreams.upstream(of: repository) else {
            let manifest = try await cached.manifest(reference, of: repository)
            return manifest.map { used($0) }
        }
        switch reference {
        case .tag(let tag): return try await manifest(tagged: tag, of: repository, at: upstream)
        case .digest(let digest): return try await manifest(named: digest, of: repository, at: upstream)
        }
    }

    package func blobAtHand(_ digest: Digest, of repository: RepositoryReference) throws -> BlobFile? {
        guard let file = try cached.blobAtHand(digest, of: repository) else { return nil }
        note(used: digest)
        return file
    }

    package func repositories() async throws -> [RepositoryReference] {
        try await cache.names.anyLocations()
    }

    package func quarantine(_ blob: BlobFile) async {
        await cached.quarantine(blob)
    }
}
