import Concurrency
import NIOCore
import OCI
import Synchronization

/// A blob on its way from an upstream to one client, without being stored.
///
/// Its last bytes are held back until all of them have turned out right. It is read in order; what is skipped comes
/// all the same, because only the whole has a digest. A client that reads more slowly than the upstream sends holds a
/// connection that others may want for some seconds only: what is left is asked for again when it is needed.
final class PassingBlob: BlobReader {
    /// How long a transfer waits for who reads it before it looks whether it is in the way of others.
    static let patience = Duration.seconds(10)

    private struct Reading: Sendable {
        var position: Int64 = 0
        /// What has been taken and not been read yet.
        var rest = ByteBuffer()
        /// Where what comes next is taken from.
        let queue: PieceQueue
    }

    let descriptor: Descriptor
    /// Goes on from where a transfer was let go, as soon as there is room.
    private let resume: @Sendable (PassingProgress) async throws -> PieceQueue?
    private let reading: Mutex<Reading>

    /// Begins the transfer; `nil` when there is too much under way.
    ///
    /// - Parameters:
    ///   - descriptor: the blob.
    ///   - upstream: where it comes from.
    ///   - work: what it is part of.
    ///   - time: the monotonic clock.
    ///   - host: whose share it takes there.
    ///   - downloads: what else is under way from there.
    init?(
        _ descriptor: Descriptor,
        from upstream: any Upstream,
        _ work: DetachedWork,
        _ time: Timer,
        of host: RegistryHost,
        in downloads: DownloadQueue
    ) {
        let pass: @Sendable (PassingProgress, PieceQueue) async -> Void = { progress, queue in
            do {
                try await downloads.passing(from: host) {
                    try await progress.pass(descriptor, from: upstream, to: queue, time) { downloads.isFull(host) }
                }
                queue.end(.success(()))
            } catch {
                queue.end(.failure(error))
            }
        }
        let queue = PieceQueue()
        let hasBegun = work.begin(about: host.description) { await pass(PassingProgress(descriptor), queue) }
        guard hasBegun else { return nil }
        self.descriptor = descriptor
        resume = { progress in
            let queue = PieceQueue()
            let isInTime = try await work.beginInTurn(about: host.description) { await pass(progress, queue) }
            return isInTime ? queue : nil
        }
        reading = Mutex(Reading(queue: queue))
    }

    deinit { reading.withLock { $0.queue }.abandon() }

    /// Waits until its upstream has answered, so that somebody can be told whether it comes at all; before the first read.
    func whenAnswered() async throws {
        _ = try await takeNext()
    }

    func read(at offset: Int64, atMost count: Int) async throws -> ByteBuffer {
        while true {
            let piece = try reading.withLock { reading -> ByteBuffer? in
                guard offset >= reading.position else {
                    throw UpstreamError(.unusable, "a blob that is not stored can be read in order only")
                }
                let skipped = min(Int(clamping: offset - reading.position), reading.rest.readableBytes)
                reading.rest.moveReaderIndex(forwardBy: skipped)
                reading.position += Int64(skipped)
                guard reading.position == offset else { return nil }
                // The last byte read stays at hand: a reader may look at a byte before it reads on from there.
                return reading.rest.getSlice(
                    at: reading.rest.readerIndex,
                    length: min(count, reading.rest.readableBytes)
                )
            }
            if let piece, piece.readableBytes > 0 { return piece }
            guard try await takeNext() else { return ByteBuffer() }
        }
    }

    /// Takes the next piece, from another transfer where the one there was has let its connection go.
    ///
    /// - Returns: whether there was one.
    private func takeNext() async throws -> Bool {
        while true {
            do {
                let next = try await reading.withLock { $0.queue }.take()
                reading.withLock { $0.rest = next ?? ByteBuffer() }
                return next != nil
            } catch let pause as PassingProgress.Pause {
                guard let queue = try await resume(pause.progress) else { throw ServeError.busy }
                reading.withLock { $0 = Reading(position: $0.position, rest: $0.rest, queue: queue) }
            }
        }
    }
}
