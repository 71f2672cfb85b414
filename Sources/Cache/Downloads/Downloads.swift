import Concurrency
import Logging
import OCI
import Synchronization

/// The downloads under way in this process: at most one for each blob, each a child of the cache's scope.
final class Downloads: Sendable {
    private struct State {
        /// More than one of a digest where manifests give it different sizes: at most one of them is right, and none
        /// decides about the others.
        var active: [Digest: [Download]] = [:]
        var offers = SourceOffers()
        var isClosed = false

        subscript(_ descriptor: Descriptor) -> Download? {
            get { active[descriptor.digest]?.first { $0.descriptor.size == descriptor.size } }
            set {
                var others = active[descriptor.digest, default: []].filter { $0.descriptor.size != descriptor.size }
                if let newValue { others.append(newValue) }
                active[descriptor.digest] = others.isEmpty ? nil : others
            }
        }
    }

    let store: Store
    /// The memory for all of them.
    private let lanes = LaneBudget()
    private let places = DescriptorLimit.semaphore()
    let reclaiming: Reclaiming
    private let counters = DownloadCounters()
    private let state = Mutex(State())
    private let stream: AsyncStream<Download>
    private let continuation: AsyncStream<Download>.Continuation

    init(_ store: Store) {
        self.store = store
        reclaiming = Reclaiming(store: store)
        (stream, continuation) = AsyncStream.makeStream()
    }

    /// Those under way now, in any order.
    var active: [Download] { state.withLock { $0.active.values.flatMap(\.self) } }

    var statistics: CacheStatistics { counters.statistics }

    /// A reader of a committed blob; `nil` when it is not there.
    func cached(_ descriptor: Descriptor) throws -> CachedBlob? {
        guard let file = try store.directory.blobs.open(descriptor.digest, size: descriptor.size) else { return nil }
        store.blobs.note(descriptor)
        let state = DownloadState()
        state.commit(file, size: descriptor.size)
        return reader(descriptor, .cached, state, nil)
    }

    /// A reader of a blob, which begins a download where it is neither there nor on its way.
    ///
    /// Nothing can be read of an empty one, so that nobody who needs it would wait for its commit: this does.
    func follow(
        _ descriptor: Descriptor,
        from source: any ContentSource,
        _ demand: Demand? = nil
    ) async throws -> CachedBlob {
        try store.health.check()
        if let blob = try await store.withDescriptors({ try cached(descriptor) }) {
            counters.count { counters in
                counters.hits += 1
                counters.cachedBytes += descriptor.size
            }
            return blob
        }
        let blob = try join(descriptor, source, demand)
        if case .joined = blob.provenance { counters.count { $0.joins += 1 } }
        if descriptor.size == 0 { try await blob.whenCommitted() }
        return blob
    }

    /// Puts a file aside that turned out damaged; where that fails the log says so.
    ///
    /// - Returns: whether it is out of the way.
    @discardableResult
    func quarantine(_ file: OpenFile, _ digest: Digest) async -> Bool {
        do {
            let outcome = try await Quarantine(store: store).putAside(file, digest)
            if case .kept = outcome { return false }
            return true
        } catch {
            store.configuration.logger.warning(
                "a damaged blob could not be put aside",
                metadata: ["digest": "\(digest)", "error": "\(error)"]
            )
            return false
        }
    }

    /// A reader of a blob's download, which begins now if there is none; one that has begun may go on from this source
    /// where its own fails, or is slow.
    ///
    /// - Throws: ``CacheError`` (`closed`).
    private func join(
        _ descriptor: Descriptor,
        _ source: any ContentSource,
        _ demand: Demand?
    ) throws -> CachedBlob {
        try state.withLock { state in
            guard !state.isClosed else { throw CacheError.closed("download \(descriptor.digest)") }
            let isForClient = demand != nil
            if var active = state[descriptor] {
                active.offer(source)
                state[descriptor] = active
                return reader(descriptor, .joined, active.state, source.place, active.demand, isForClient: isForClient)
            }
            var download = Download(
                descriptor: descriptor,
                source: source,
                state: DownloadState(),
                demand: demand,
                isRival: state.active[descriptor.digest] != nil
            )
            for other in state.offers.sources(for: descriptor) { download.offer(other) }
            state[descriptor] = download
            let reader = reader(
                descriptor,
                .downloading,
                download.state,
                source.place,
                demand,
                isForClient: isForClient
            )
            continuation.yield(download)
            return reader
        }
    }

    /// Lets a blob's download, whoever begins it while `body` runs, go on from this source too.
    func offering<Result>(
        _ descriptor: Descriptor,
        from source: any ContentSource,
        _ body: () async throws -> Result
    ) async rethrows -> Result {
        state.withLock { state in
            state.offers.add(source, for: descriptor)
            state[descriptor]?.offer(source)
        }
        defer { state.withLock { $0.offers.withdraw(source, for: descriptor) } }
        return try await body()
    }

    /// Whether somebody would have a blob from a source that is worth a try in the place of its own.
    private func isOutpaced(_ download: Download, _ pace: Pace) -> Bool {
        state.withLock { $0[download.descriptor]?.isOutpaced(pace) ?? false }
    }

    /// Runs downloads until the task is cancelled, then waits for them to stop.
    func run() async {
        await withDiscardingTaskGroup { group in
            for await download in stream {
                group.addTask { await self.run(download) }
            }
            group.cancelAll()
        }
        let rest = state.withLock { state in
            state.isClosed = true
            return state.active.values.flatMap(\.self)
        }
        for download in rest { download.state.fail(CancellationError()) }
    }

    /// Runs one until it has succeeded, or failed from each source that somebody who waits for it has.
    private func run(_ first: Download) async {
        var failures: [String: any Error] = [:]
        var next: Download? = first
        while let download = next {
            do {
                try await download.whileWanted {
                    try await self.places.withPlace { try await self.ingestion(of: download).run() }
                }
                state.withLock { $0[download.descriptor] = nil }
                return
            } catch {
                next = successor(of: download, after: error)
                if error is Demand.Dropped, next != nil { continue }
                if error is Pace.Outpaced, let next {
                    note(next, insteadOf: download.source)
                    continue
                }
                failures[download.source.place] = error
                guard next == nil else { continue }
                if let error = error as? CacheError, download.state.view.isPromised { store.health.noteCutOff(error) }
                download.state.fail(error, failures)
            }
        }
    }

    private func ingestion(of download: Download) -> Ingestion {
        Ingestion(
            download: download,
            store: store,
            counters: counters,
            lanes: lanes,
            isOutpaced: { self.isOutpaced(download, $0) }
        )
    }

    private func note(_ next: Download, insteadOf source: any ContentSource) {
        store.configuration.logger.info(
            "a blob comes slowly; going on from another source that is waited with",
            metadata: [
                "digest": "\(next.descriptor.digest)", "slow": "\(source.place.displaySafe)",
                "source": "\(next.source.place.displaySafe)",
            ]
        )
    }

    /// The same download from the next source; `nil` where there is none: then it is none of those under way any more.
    ///
    /// Whoever joins it is counted under the same lock: he is seen here, or begins another one.
    private func successor(of download: Download, after error: any Error) -> Download? {
        state.withLock { state in
            state[download.descriptor] = state[download.descriptor]?.next(after: error)
            return state[download.descriptor]
        }
    }

    private func reader(
        _ descriptor: Descriptor,
        _ provenance: CachedBlob.Provenance,
        _ state: DownloadState,
        _ place: String?,
        _ demand: Demand? = nil,
        isForClient: Bool = false
    ) -> CachedBlob {
        CachedBlob(descriptor, provenance, state, place, demand, isForClient: isForClient) { [self] file, error in
            let isAside = await quarantine(file, descriptor.digest)
            if let error { store.health.noteUnreadable(descriptor.digest, error) }
            return isAside
        }
    }
}
