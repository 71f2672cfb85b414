import Concurrency
import NIOCore
import OCI
import Synchronization

/// A blob on its way from an upstream to one client, without being stored.
///
/// Its last bytes are held back until all of them have turned out right. It is read in order; what is skipped comes
/// all the same, because only the whole has a digest.
final class PassingBlob: BlobReader {
    private static let heldBack = 64 << 10

    private struct Reading: Sendable {
        var position: Int64 = 0
        /// What has been taken and not been read yet.
        var rest = ByteBuffer()
    }

    let descriptor: Descriptor
    private let queue = PieceQueue()
    private let reading = Mutex(Reading())

    /// Begins the transfer; `nil` when there is too much under way.
    ///
    /// - Parameters:
    ///   - descriptor: the blob.
    ///   - upstream: where it comes from.
    ///   - work: what it is part of.
    ///   - host: whose share it takes there.
    init?(_ descriptor: Descriptor, from upstream: any Upstream, _ work: DetachedWork, of host: RegistryHost? = nil) {
        self.descriptor = descriptor
        let queue = queue
        let hasBegun = work.begin(about: host?.description) {
            do {
                try await Self.pass(descriptor, from: upstream, to: queue)
                queue.end(.success(()))
            } catch {
                queue.end(.failure(error))
            }
        }
        guard hasBegun else { return nil }
    }

    deinit { queue.abandon() }

    /// Waits until its upstream has answered, so that somebody can be told whether it comes at all; before the first read.
    func whenAnswered() async throws {
        let first = try await queue.take() ?? ByteBuffer()
        reading.withLock { $0.rest = first }
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
            guard let next = try await queue.take() else { return ByteBuffer() }
            reading.withLock { $0.rest = next }
        }
    }

    private static func pass(_ descriptor: Descriptor, from upstream: any Upstream, to queue: PieceQueue) async throws {
        var hasher = DigestHasher(descriptor.digest.algorithm)
        var held: [ByteBuffer] = []
        var heldBytes = 0
        try await upstream.readBlob(descriptor, from: 0) { piece in
            guard piece.readableBytes > 0 else { return try await queue.give(piece) }
            hasher.update(piece)
            held.append(piece)
            heldBytes += piece.readableBytes
            while let first = held.first, heldBytes - first.readableBytes >= heldBack {
                held.removeFirst()
                heldBytes -= first.readableBytes
                try await queue.give(first)
            }
        }
        let digest = hasher.finalize()
        guard digest == descriptor.digest else {
            throw UpstreamError(.unusable, "\(upstream.place) sends other bytes than \(descriptor.digest)")
        }
        for piece in held { try await queue.give(piece) }
    }
}
