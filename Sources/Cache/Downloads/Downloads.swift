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
            count { counters in
                counters.hits += 1
                counters.cachedBytes += descriptor.size
            }
            return blob
        }
        switch try join(descriptor, source, demand) {
        case .reader(let blob):
            if case .joined = blob.provenance { count { $0.joins += 1 } }
            if descriptor.size == 0 { try await blob.whenCommitted() }
            return blob
        case .ofOtherSize(let download):
            // One of the two is wrong, and must not decide about the other.
            try await download.state.waitForEnd()
            return try await follow(descriptor, from: source, demand)
        }
    }

    private enum Joined {
        case reader(CachedBlob)
        /// Another manifest says that the blob under way has another size.
        case ofOtherSize(Download)
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

    /// A reader of a digest's download, which begins now if there is none; one that has begun may go on from this source
    /// where its own fails.
    ///
    /// - Throws: ``CacheError`` (`closed`).
    private func join(
        _ descriptor: Descriptor,
        _ source: any ContentSource,
        _ demand: Demand?
    ) throws -> Joined {
        try state.withLock { state in
            guard !state.isClosed else { throw CacheError.closed("download \(descriptor.digest)") }
            let isForClient = demand != nil
            if var active = state.active[descriptor.digest] {
                guard active.descriptor.size == descriptor.size else { return .ofOtherSize(active) }
                active.offer(source)
                state.active[descriptor.digest] = active
                return .reader(
                    reader(descriptor, .joined, active.state, source.place, active.demand, isForClient: isForClient)
                )
            }
            let download = Download(descriptor: descriptor, source: source, state: DownloadState(), demand: demand)
            state.active[descriptor.digest] = download
            let reader = reader(
                descriptor,
                .downloading,
                download.state,
                source.place,
                demand,
                isForClient: isForClient
            )
            continuation.yield(download)
            return .reader(reader)
        }
    }

    /// Runs downloads until the task is cancelled, then waits for them to stop; `reclaim` makes room on a full disk.
    func run(reclaim: @escaping @Sendable () async throws -> Bool) async {
        await withDiscardingTaskGroup { group in
            for await download in stream {
                group.addTask { await self.run(download, reclaim) }
            }
            group.cancelAll()
        }
        let rest = state.withLock { state in
            state.isClosed = true
            return Array(state.active.values)
        }
        for download in rest { download.state.fail(CancellationError()) }
    }

    /// Runs one until it has succeeded, or failed from each source that somebody who waits for it has.
    private func run(_ first: Download, _ reclaim: @escaping @Sendable () async throws -> Bool) async {
        var failures: [String: any Error] = [:]
        var next: Download? = first
        while let download = next {
            do {
                try await download.whileWanted {
                    try await Ingestion(download: download, downloads: self, reclaim: reclaim).run()
                }
                _ = state.withLock { $0.active.removeValue(forKey: download.descriptor.digest) }
                return
            } catch {
                failures[download.source.place] = error
                next = successor(of: download, after: error)
                guard next == nil else { continue }
                if let error = error as? CacheError, download.state.view.isPromised { store.health.noteCutOff(error) }
                download.state.fail(error, failures)
            }
        }
    }

    /// The same download from the next source; `nil` where there is none: then it is none of those under way any more.
    private func successor(of download: Download, after error: any Error) -> Download? {
        let digest = download.descriptor.digest
        return state.withLock { state in
            if Download.isOfSource(error), let next = state.active[digest]?.fromNextSource() {
                state.active[digest] = next
                return next
            }
            state.active[digest] = nil
            return nil
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
