import Cache
import NIOCore
import OCI

/// A request whose answer needs waiting: for the index, for the disk, or for an upstream.
struct PendingRequest: Sendable {
    let request: Request
    /// As ``Responder/begin(_:)`` tells.
    let isAdmitted: Bool
    let responder: Responder
    let channel: any Channel
    let client: ServedClient
    /// Ends when the client leaves, and when it has its answer.
    let departure: AsyncStream<Never>

    /// Answers it; stops when the client leaves.
    func run(_ state: ServerState) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await answer(state) }
            group.addTask { for await _ in departure {} }
            await group.next()
            group.cancelAll()
        }
    }

    @concurrent
    private func answer(_ state: ServerState) async {
        let response = await responder.answer(to: request, isAdmitted: isAdmitted, of: client)
        guard case .arriving(let blob, let range)? = response.body, request.head.method != .head else {
            return channel.writeAndFlush(ResponsePart.whole(response), promise: nil)
        }
        let (wishes, asking) = AsyncStream<PieceWish>.makeStream()
        channel.writeAndFlush(ResponsePart.supplied(response, asking), promise: nil)
        for await wish in wishes {
            do {
                let piece = try await blob.read(at: wish.offset, atMost: wish.count)
                if wish.offset + Int64(piece.readableBytes) == range.upperBound {
                    try await waitForEnd(of: blob, beyond: range)
                    noteArrival(of: blob)
                }
                channel.writeAndFlush(ResponsePart.piece(piece), promise: nil)
            } catch {
                // The client left, or its body cannot be completed; it sees a short one.
                if !Task.isCancelled { responder.tell(ofBroken: request, error) }
                return channel.writeAndFlush(ResponsePart.broken, promise: nil)
            }
        }
    }

    /// Waits until all of a blob is there and right: the end of a part is not sent before, as only the whole has a digest.
    private func waitForEnd(of blob: any BlobReader, beyond range: Range<Int64>) async throws {
        let size = blob.descriptor.size
        if range.upperBound < size { _ = try await blob.read(at: size, atMost: 1) }
    }

    /// What was downloaded just now was hashed on its way in.
    private func noteArrival(of blob: any BlobReader) {
        guard let blob = blob as? CachedBlob, blob.provenance != .cached, let file = try? blob.committedFile else {
            return
        }
        responder.blobs.verified.insert(file)
    }
}
