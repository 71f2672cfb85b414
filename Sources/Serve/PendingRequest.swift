import Cache
import NIOCore
import OCI

/// A request whose answer needs waiting: for the index, for the disk, or for an upstream.
struct PendingRequest: Sendable {
    let request: Request
    let responder: Responder
    let channel: any Channel
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
        let response = await responder.answer(to: request)
        do {
            switch response.body {
            case .unverified(let file) where request.head.method != .head:
                try await stream(response, state) { try await sendUnverified(file, state) }
            case .arriving(let blob, let range) where request.head.method != .head:
                try await stream(response, state) { try await send(blob, range, state) }
            default: try await channel.writeAndFlush(ResponsePart.whole(response)).get()
            }
        } catch {
            // The client left, or its body cannot be completed; it sees a short one.
            channel.writeAndFlush(ResponsePart.broken, promise: nil)
        }
    }

    private func stream(_ response: Response, _ state: ServerState, _ body: () async throws -> Void) async throws {
        state.streamBegan()
        defer { state.streamEnded() }
        try await channel.writeAndFlush(ResponsePart.start(response)).get()
        try await body()
        try await channel.writeAndFlush(ResponsePart.end).get()
    }

    private func send(
        _ blob: any BlobReader,
        _ range: Range<Int64>,
        _ state: ServerState
    ) async throws {
        var pieces = PieceSender(channel: channel)
        var offset = range.lowerBound
        while offset < range.upperBound {
            let piece = try await blob.read(
                at: offset,
                atMost: Int(min(Int64(state.pieceSize), range.upperBound - offset))
            )
            guard piece.readableBytes > 0 else { throw ShortBody() }
            offset += Int64(piece.readableBytes)
            try await pieces.send(piece)
        }
        try await pieces.finish()
        // What was downloaded just now was hashed on its way in.
        guard let blob = blob as? CachedBlob, blob.provenance != .cached else { return }
        if let file = try blob.committedFile { responder.verified.insert(file) }
    }

    /// Sends a file while it is hashed, and keeps its end back until its bytes have turned out right.
    private func sendUnverified(_ file: BlobFile, _ state: ServerState) async throws {
        async let isRight = responder.verified.verify(file)
        var pieces = PieceSender(channel: channel)
        var offset: Int64 = 0
        while offset < file.size {
            try Task.checkCancellation()
            var count = min(Int64(state.pieceSize), file.size - offset)
            if file.size - offset - count < Self.heldBack { count = min(file.size - offset, count + Self.heldBack) }
            guard let piece = try file.readUnlessLost(at: offset, atMost: Int(count)) else {
                await responder.content.quarantine(file)
                throw ShortBody()
            }
            guard piece.readableBytes > 0 else { throw ShortBody() }
            offset += Int64(piece.readableBytes)
            if offset == file.size, try await !isRight {
                await responder.content.quarantine(file)
                throw ShortBody()
            }
            try await pieces.send(piece)
        }
        try await pieces.finish()
    }

    /// What is kept back of a file until all of it has been hashed, in bytes, at least.
    private static let heldBack: Int64 = 64 << 10
}

/// A body that cannot be completed.
private struct ShortBody: Error {}

/// Sends a body's pieces, the next being read while one is on its way.
private struct PieceSender {
    let channel: any Channel
    private var previous: EventLoopFuture<Void>?

    init(channel: any Channel) {
        self.channel = channel
    }

    mutating func send(_ piece: ByteBuffer) async throws {
        let sent = channel.eventLoop.makePromise(of: Void.self)
        channel.writeAndFlush(ResponsePart.piece(piece), promise: sent)
        defer { previous = sent.futureResult }
        try await previous?.get()
    }

    mutating func finish() async throws {
        try await previous?.get()
    }
}
