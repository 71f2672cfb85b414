import NIOCore
import OCI

/// An upstream whose blob is read when its turn has come.
struct QueuedSource: ContentSource {
    let upstream: any Upstream
    let wish: DownloadQueue.Wish
    let queue: DownloadQueue
    let health: HostHealth

    var place: String { upstream.place }
    var origin: RepositoryReference? { upstream.origin }
    var isHeldBack: Bool { upstream.isHeldBack }

    func manifest(_ descriptor: Descriptor) async throws -> Manifest {
        try await upstream.manifest(descriptor)
    }

    func wasRight(_ digest: Digest) { upstream.wasRight(digest) }

    func readBlob(
        _ descriptor: Descriptor,
        from offset: Int64,
        ahead scratch: (any ScratchSpace)?,
        deliver: (ByteBuffer) async throws -> Void
    ) async throws {
        try await queue.withPlace(wish) {
            if let refusal = health.refusal(of: wish.host, isUrgent: true) {
                guard let others = upstream.standIn(after: refusal) else { throw refusal }
                return try await others.readBlob(descriptor, from: offset, ahead: scratch, deliver: deliver)
            }
            try await health.hearing(wish.host) {
                var isFirst = true
                try await upstream.readBlob(descriptor, from: offset, ahead: scratch) { bytes in
                    // Whatever becomes of the rest, it answers.
                    if isFirst {
                        health.answered(wish.host)
                        queue.answered(wish.demand, at: wish.host)
                    }
                    isFirst = false
                    try await deliver(bytes)
                }
            }
        }
    }
}
