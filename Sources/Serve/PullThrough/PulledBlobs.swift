import Cache
import Logging
import OCI

/// Blobs of upstreams that the cache lacks: their sizes, and themselves while they arrive.
struct PulledBlobs: Sendable {
    /// How long a download goes on that nobody reads.
    private static let grace = Duration.seconds(10)

    private let context: PullThroughContext
    private let sizes: Question<ImageReference, Int64>
    private let queue: DownloadQueue

    init(_ context: PullThroughContext) {
        self.context = context
        sizes = Question(context.lifetimes(), servesStale: false, capacity: 8 << 20, context.questions) { _ in 8 }
        queue = DownloadQueue(context.configuration.downloads)
    }

    /// The size of a blob that the upstream has: that a manifest names it does not say that it still has it.
    ///
    /// Where a manifest is here by which it is `named` the size is the manifest's: what a HEAD tells may be another one.
    ///
    /// - Returns: `nil` when there is none.
    private func size(
        _ digest: Digest,
        named: Int64?,
        of repository: RepositoryReference,
        at upstream: any Upstream
    ) async throws -> Int64? {
        do {
            let name = ImageReference(location: repository, digest: digest)
            let standIn = { @Sendable (error: UpstreamError) in
                guard let others = upstream.standIn(after: error) else { return nil as Int64? }
                return try await fetchSize(digest, named, at: others)
            }
            let told = try await sizes.ask(name, at: repository.host, hasAskedOthers: true, standIn: standIn) {
                try await fetchSize(digest, named, at: upstream)
            }
            if told.answer == nil, told.source == .memory { context.metrics.count(.rememberedAbsence) }
            return told.answer.map { named ?? $0 }
        } catch {
            throw try context.failure(error)
        }
    }

    private func fetchSize(_ digest: Digest, _ named: Int64?, at upstream: any Upstream) async throws -> Int64? {
        let size = try await upstream.size(ofBlob: digest, named: named)
        guard let size, !(0...Manifest.maximumContentSize).contains(size) else { return size }
        throw UpstreamError(.unusable, "\(upstream.place): the blob is said to have \(size) bytes")
    }

    /// A blob while it arrives, or only its size where nothing of it is needed.
    func blob(
        _ digest: Digest,
        of repository: RepositoryReference,
        at upstream: any Upstream,
        _ client: ServedClient,
        isNeeded: (Int64) -> Bool
    ) async throws -> ServedBlob? {
        let name = ImageReference(location: repository, digest: digest)
        guard !sizes.isAbsent(name) else {
            context.metrics.count(.rememberedAbsence)
            return nil
        }
        let named = try await context.cache.names.size(of: digest, in: repository)
        var size = named
        if size.map(isNeeded) != true {
            size = try await self.size(digest, named: named, of: repository, at: upstream)
        }
        if let size, !isNeeded(size) { return .known(size: size) }
        guard let size, let descriptor = Descriptor(mediaType: .octetStream, digest: digest, size: size) else {
            return nil
        }
        do {
            return try await arriving(descriptor, from: upstream, at: repository.host, client)
        } catch let error as UpstreamError where error.kind == .notFound {
            sizes.learn(nil, of: name)
            return nil
        } catch {
            throw try context.failure(error)
        }
    }

    /// A reader of a blob whose upstream has answered: until then its absence, and any failure, can still be told.
    private func arriving(
        _ descriptor: Descriptor,
        from upstream: any Upstream,
        at host: RegistryHost,
        _ client: ServedClient
    ) async throws -> ServedBlob {
        if let error = context.cache.recentCutOff { return try await passing(descriptor, from: upstream, host, error) }
        let demand = Demand(grace: Self.grace, timer: context.time) { [queue] in queue.isContended(host) }
        let place = DownloadQueue.Wish(host: host, client: client, size: descriptor.size, demand: demand)
        let source = QueuedSource(upstream: upstream, wish: place, queue: queue, health: context.health)
        do {
            let blob = try await context.cache.follow(descriptor, from: source, while: demand)
            try await blob.whenAnswered()
            return .arriving(blob)
        } catch let error as CacheError where error.isOfKeeping {
            return try await passing(descriptor, from: upstream, host, error)
        }
    }

    private func passing(
        _ descriptor: Descriptor,
        from upstream: any Upstream,
        _ host: RegistryHost,
        _ error: CacheError
    ) async throws -> ServedBlob {
        context.logger.warning("a blob is served, but not cached", metadata: ["error": "\(error)"])
        context.metrics.count(.uncachedBlob)
        let work = context.transfers
        let passing = PassingBlob(descriptor, from: upstream, work, context.time, of: host, in: queue)
        guard let blob = passing else { throw ServeError.busy }
        try await blob.whenAnswered()
        return .arriving(blob)
    }
}
