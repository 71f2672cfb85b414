import Concurrency
import Logging
import OCI
import Synchronization

/// The downloads under way in this process: at most one for each digest, each a child of the cache's scope.
final class Downloads: Sendable {
    private struct State {
        var active: [Digest: Download] = [:]
        var isClosed = false
    }

    let store: Store
    /// The memory for all of them.
    let lanes = LaneBudget()
    let places = DescriptorLimit.semaphore()
    let reclaiming: Reclaiming
    private let counters = Mutex(CacheStatistics())
    private let state = Mutex(State())
    private let stream: AsyncStream<Download>
    private let continuation: AsyncStream<Download>.Continuation

    init(_ store: Store) {
        self.store = store
        reclaiming = Reclaiming(store: store)
        (stream, continuation) = AsyncStream.makeStream()
    }

    /// Those under way now, in any order.
    var active: [Download] { state.withLock { Array($0.active.values) } }

    var statistics: CacheStatistics { counters.withLock { $0 } }

    func count(_ change: (inout CacheStatistics) -> Void) { counters.withLock { change(&$0) } }

    /// A reader of a committed blob; `nil` when it is not there.
    func cached(_ descriptor: Descriptor) throws -> CachedBlob? {
        guard let file = try store.directory.blobs.open(descriptor.digest, size: descriptor.size) else { return nil }
        store.blobs.note(descriptor)
        let state = DownloadState()
        state.commit(file, size: descriptor.size)
        return reader(descriptor, .cached, state)
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
            count { counters in
                counters.hits += 1
                counters.cachedBytes += descriptor.size
            }
            return blob
        }
        let (blob, isNew) = try join(descriptor, source, demand)
        if !isNew { count { $0.joins += 1 } }
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

    /// A reader of a digest's download, which begins now if there is none.
    ///
    /// - Throws: ``CacheError``: `closed`; `conflict` when the one under way has another size.
    private func join(
        _ descriptor: Descriptor,
        _ source: any ContentSource,
        _ demand: Demand?
    ) throws -> (CachedBlob, isNew: Bool) {
        try state.withLock { state in
            guard !state.isClosed else { throw CacheError.closed("download \(descriptor.digest)") }
            if let active = state.active[descriptor.digest] {
                guard active.descriptor.size == descriptor.size else {
                    throw CacheError(
                        .conflict,
                        "download \(descriptor.digest)",
                        digest: descriptor.digest,
                        "one manifest says it has \(descriptor.size) bytes, another says \(active.descriptor.size)"
                    )
                }
                let isForClient = demand != nil
                return (reader(descriptor, .joined, active.state, active.demand, isForClient: isForClient), false)
            }
            let download = Download(descriptor: descriptor, source: source, state: DownloadState(), demand: demand)
            state.active[descriptor.digest] = download
            let reader = reader(descriptor, .downloading, download.state, demand, isForClient: demand != nil)
            continuation.yield(download)
            return (reader, true)
        }
    }

    /// Runs downloads until the task is cancelled, then waits for them to stop; `reclaim` makes room on a full disk.
    func run(reclaim: @escaping @Sendable () async throws -> Bool) async {
        await withDiscardingTaskGroup { group in
            for await download in stream {
                group.addTask {
                    do {
                        try await download.whileWanted {
                            try await Ingestion(download: download, downloads: self, reclaim: reclaim).run()
                        }
                        self.remove(download)
                    } catch {
                        self.remove(download)
                        if let error = error as? CacheError, download.state.view.isPromised {
                            self.store.health.noteCutOff(error)
                        }
                        download.state.fail(error)
                    }
                }
            }
            group.cancelAll()
        }
        let rest = state.withLock { state in
            state.isClosed = true
            return Array(state.active.values)
        }
        for download in rest { download.state.fail(CancellationError()) }
    }

    private func remove(_ download: Download) {
        _ = state.withLock { $0.active.removeValue(forKey: download.descriptor.digest) }
    }

    private func reader(
        _ descriptor: Descriptor,
        _ provenance: CachedBlob.Provenance,
        _ state: DownloadState,
        _ demand: Demand? = nil,
        isForClient: Bool = false
    ) -> CachedBlob {
        CachedBlob(descriptor, provenance, state, demand, isForClient: isForClient) { [self] file, error in
            let isAside = await quarantine(file, descriptor.digest)
            if let error { store.health.noteUnreadable(descriptor.digest, error) }
            return isAside
        }
    }
}

/// One blob on its way into the cache.
struct Download: Sendable {
    let descriptor: Descriptor
    let source: any ContentSource
    let state: DownloadState
    /// What it goes on for; `nil` for one that goes on whoever leaves.
    var demand: Demand?

    /// What is left of one that nobody wants may as well come when it is so little, in bytes.
    private static let small: Int64 = 8 << 20

    private var isNearlyDone: Bool {
        let arrived = state.view.arrived
        return arrived > 0 && descriptor.size - arrived <= max(Self.small, descriptor.size / 4)
    }

    /// Runs its work for as long as somebody wants it.
    ///
    /// - Throws: ``Demand/Dropped`` when nobody does; what `body` throws.
    func whileWanted(_ body: @escaping @Sendable () async throws -> Void) async throws {
        guard let demand else { return try await body() }
        try await demand.hold(isNearlyDone: { isNearlyDone }, body)
    }
}
