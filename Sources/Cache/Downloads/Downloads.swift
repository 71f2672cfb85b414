import OCI
import Synchronization

/// One blob on its way into the cache.
struct Download: Sendable {
    let descriptor: Descriptor
    let source: any ContentSource
    let arrival: Arrival
}

/// The downloads under way in this process: at most one for each digest, each a child of the cache's scope.
final class Downloads: Sendable {
    private struct State {
        var active: [Digest: Download] = [:]
        var isClosed = false
    }

    private let state = Mutex(State())
    private let stream: AsyncStream<Download>
    private let continuation: AsyncStream<Download>.Continuation

    init() {
        (stream, continuation) = AsyncStream.makeStream()
    }

    /// Those under way now, in any order.
    var active: [Download] { state.withLock { Array($0.active.values) } }

    /// The download of a digest, which begins now if there is none.
    ///
    /// - Throws: ``CacheError``: `closed`; `conflict` when the one under way has another size.
    func join(_ descriptor: Descriptor, _ source: any ContentSource) throws -> (Download, isNew: Bool) {
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
                return (active, false)
            }
            let download = Download(descriptor: descriptor, source: source, arrival: Arrival())
            state.active[descriptor.digest] = download
            continuation.yield(download)
            return (download, true)
        }
    }

    /// Runs downloads until the task is cancelled, then waits for them to stop.
    func run(_ body: @escaping @Sendable (Download) async throws -> Void) async {
        await withDiscardingTaskGroup { group in
            for await download in stream {
                group.addTask {
                    do {
                        try await body(download)
                        self.remove(download)
                    } catch {
                        self.remove(download)
                        download.arrival.fail(error)
                    }
                }
            }
            group.cancelAll()
        }
        let rest = state.withLock { state in
            state.isClosed = true
            return Array(state.active.values)
        }
        for download in rest { download.arrival.fail(CancellationError()) }
    }

    private func remove(_ download: Download) {
        _ = state.withLock { $0.active.removeValue(forKey: download.descriptor.digest) }
    }
}
