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
        let transfer: Transfer
    }

    private struct Transfer: Sendable {
        let queue: PieceQueue
        /// Where it waits until there is room for it.
        let place: DetachedWork.Place
    }

    let descriptor: Descriptor
    private let work: DetachedWork
    /// Begins a transfer as soon as there is room, or goes on from where one was let go.
    private let begin: @Sendable (PassingProgress?) -> Transfer?
    private let reading: Mutex<Reading>

    /// Has the transfer begin as soon as there is room; `nil` when the server is stopping.
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
        let begin: @Sendable (PassingProgress?) -> Transfer? = { progress in
            let queue = PieceQueue()
            let place = work.beginInTurn(about: host.description, goesOn: progress != nil) {
                let progress = progress ?? PassingProgress(descriptor)
                do {
                    try await downloads.passing(queue, from: host) {
                        try await progress.pass(descriptor, from: upstream, to: queue, time) {
                            downloads.answered(queue, at: host)
                        } isInTheWay: {
                            downloads.isFull(host)
                        }
                    }
                    queue.end(.success(()))
                } catch {
                    queue.end(.failure(error))
                }
            }
            return place.map { Transfer(queue: queue, place: $0) }
        }
        guard let transfer = begin(nil) else { return nil }
        self.descriptor = descriptor
        self.work = work
        self.begin = begin
        reading = Mutex(Reading(transfer: transfer))
    }

    deinit {
        let transfer = reading.withLock { $0.transfer }
        transfer.queue.abandon()
        work.giveUp(transfer.place)
    }

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
                let next = try await reading.withLock { $0.transfer.queue }.take()
                reading.withLock { $0.rest = next ?? ByteBuffer() }
                return next != nil
            } catch let pause as PassingProgress.Pause {
                guard let transfer = begin(pause.progress) else { throw ServeError.busy }
                reading.withLock { $0 = Reading(position: $0.position, rest: $0.rest, transfer: transfer) }
            }
        }
    }
}
