import AsyncHTTPClient
import Concurrency
import NIOCore
import OCI

/// Reads a range of a blob as the body of a request.
struct BlobFeed: Sendable {
    /// In bytes.
    static let pieceSize = 256 << 10
    /// How many bytes may be handed to the event loops before they have had a turn.
    private static let window = 512 << 10

    let reader: any BlobReader
    let range: Range<Int64>

    /// Sends all pieces, as fast as they are taken.
    func run(
        into pipe: BoundedPipe<ByteBuffer>,
        progress: UploadProgress,
        count: (Int) -> Void
    ) async throws {
        var offset = range.lowerBound
        var unconfirmed = 0
        while offset < range.upperBound {
            progress.awaitsSource()
            let piece = try await readPiece(at: offset)
            progress.sends()
            offset += Int64(piece.readableBytes)
            guard (try? await pipe.send(piece)) != nil else { return }
            count(piece.readableBytes)
            unconfirmed += piece.readableBytes
            if unconfirmed >= Self.window {
                try await takeTurns()
                unconfirmed = 0
            }
        }
        progress.awaitsAnswer()
        pipe.finish()
    }

    /// All bytes: what is one piece needs no task that feeds it while it is sent.
    func whole() async throws -> ByteBuffer {
        var bytes = try await readPiece(at: range.lowerBound)
        while bytes.readableBytes < range.count {
            bytes.writeImmutableBuffer(try await readPiece(at: range.lowerBound + Int64(bytes.readableBytes)))
        }
        return bytes
    }

    /// Waits until every event loop has done what it was given before.
    ///
    /// The library asks a connection whether it is writable without waiting for its event loop, so on a busy machine it
    /// takes pieces much faster than they are sent: 200 MiB of one upload were seen in memory.
    private func takeTurns() async throws {
        for loop in HTTPClient.defaultEventLoopGroup.makeIterator() {
            try await loop.submit {}.get()
        }
    }

    private func readPiece(at offset: Int64) async throws -> ByteBuffer {
        let piece: ByteBuffer
        do {
            piece = try await reader.read(
                at: offset,
                atMost: Int(min(Int64(Self.pieceSize), range.upperBound - offset))
            )
        } catch is CancellationError where Task.isCancelled {
            throw CancellationError()
        } catch {
            throw ReaderFailure(error)
        }
        guard piece.readableBytes > 0 else {
            throw ReaderFailure(
                DocumentError(
                    .structure,
                    "\(reader.descriptor.digest) ends at byte \(offset) of \(range.upperBound)"
                )
            )
        }
        return piece
    }
}
