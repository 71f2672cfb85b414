import Concurrency
import NIOCore
import OCI

/// What has come of a blob that passes without being stored.
struct PassingProgress: Sendable {
    /// A transfer has ended because who reads is slow, and others wait; another can go on from here.
    struct Pause: Error {
        let progress: PassingProgress
    }

    private static let heldBack = 64 << 10

    private var position: Int64 = 0
    private var hasher: DigestHasher
    /// The last bytes that have come.
    private var held: [ByteBuffer] = []
    private var heldBytes = 0

    init(_ descriptor: Descriptor) {
        hasher = DigestHasher(descriptor.digest.algorithm)
    }

    /// Passes what is left of a blob to who reads it.
    ///
    /// - Parameters:
    ///   - descriptor: the blob.
    ///   - upstream: where it comes from.
    ///   - queue: where it goes.
    ///   - time: the monotonic clock.
    ///   - whenAnswered: called when the upstream has answered.
    ///   - isInTheWay: whether others wait for its connection.
    /// - Throws: ``Pause`` when who reads was waited for while it was in the way, after all that has come was handed over;
    ///   `CancellationError` when nobody reads any more.
    func pass(
        _ descriptor: Descriptor,
        from upstream: any Upstream,
        to queue: PieceQueue,
        _ time: Timer,
        whenAnswered: () -> Void,
        isInTheWay: () -> Bool
    ) async throws {
        var progress = self
        var patience = PassingBlob.patience
        var hasAnswered = false
        try await queue.whenRoom()
        try await upstream.readBlob(descriptor, from: position) { piece in
            if !hasAnswered { whenAnswered() }
            hasAnswered = true
            progress.add(piece, to: queue)
            while !queue.hasRoom {
                let start = time.now()
                do {
                    try await time.limit(patience) { try await queue.whenRoom() }
                    patience -= time.now() - start
                } catch is Timer.Expired {
                    guard !isInTheWay() else { throw Pause(progress: progress) }
                    patience = PassingBlob.patience
                }
            }
            // At once, but for a reader that has left.
            try await queue.whenRoom()
        }
        let digest = progress.hasher.finalize()
        guard digest == descriptor.digest else {
            throw UpstreamError(.unusable, "\(upstream.place) sends other bytes than \(descriptor.digest)")
        }
        upstream.wasRight(digest)
        for piece in progress.held { queue.give(piece) }
    }

    /// Takes a piece in, and hands over what need not be held back any more; an empty one tells of an answer.
    private mutating func add(_ piece: ByteBuffer, to queue: PieceQueue) {
        guard piece.readableBytes > 0 else { return queue.give(piece) }
        hasher.update(piece)
        position += Int64(piece.readableBytes)
        held.append(piece)
        heldBytes += piece.readableBytes
        while let first = held.first, heldBytes - first.readableBytes >= Self.heldBack {
            held.removeFirst()
            heldBytes -= first.readableBytes
            queue.give(first)
        }
    }
}
