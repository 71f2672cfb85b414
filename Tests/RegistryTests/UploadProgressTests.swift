import NIOCore
import NIOPosix
import OCI
import Registry
import Synchronization
import TestSupport
import Testing

/// How far a display may think that an upload is, which counts the pieces that were asked for.
@Suite(.timeLimit(.minutes(10)))
struct UploadProgressTests {
    @Test("An upload asks for little more than the registry has taken")
    func lead() async throws {
        let source = ByteSource.random(seed: 3, count: 12 << 20)
        let taken = Taken(size: Int64(source.count))
        let server = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            // Small, so that this system's memory for connections is not what is measured.
            .childChannelOption(.socketOption(.so_rcvbuf), value: 64 << 10)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(SlowTaker(taken))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let host = try RegistryHost("127.0.0.1:\(server.localAddress?.port ?? 0)")
        let reader = CountingReader(source: source, taken: taken)
        let outcome = try await withClient { client in
            try await client.repository(RepositoryReference(host: host, repository: "library/app"), for: .push).store(
                reader
            )
        }
        try await server.close()
        guard case .stored = outcome else { return #expect(Bool(false), "\(outcome)") }
        // Of a connection in this machine the system would take 2.6 MB at once.
        #expect(taken.lead <= 2 << 20)
        #expect(taken.lead > 0)
    }
}

/// What a registry has taken, and how much more was asked for at most.
private final class Taken: Sendable {
    let size: Int64
    private let state = Mutex((taken: Int64(0), lead: Int64(0)))

    init(size: Int64) { self.size = size }

    var lead: Int64 { state.withLock { $0.lead } }

    /// - Returns: whether that was all.
    func take(_ count: Int) -> Bool {
        state.withLock { state in
            state.taken += Int64(count)
            return state.taken >= size
        }
    }

    func ask(from offset: Int64) { state.withLock { $0.lead = max($0.lead, offset - $0.taken) } }
}

private struct CountingReader: BlobReader {
    let source: ByteSource
    let taken: Taken

    var descriptor: Descriptor { source.descriptor }

    func read(at offset: Int64, atMost count: Int) async throws -> ByteBuffer {
        taken.ask(from: offset)
        return try await SampleReader(source).read(at: offset, atMost: count)
    }
}

/// Answers a POST, and takes the body of a PUT a little at a time.
private final class SlowTaker: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let taken: Taken
    private var head = ByteBuffer()
    private var isInBody = false

    init(_ taken: Taken) { self.taken = taken }

    func channelActive(context: ChannelHandlerContext) { context.read() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if !isInBody {
            head.writeBuffer(&bytes)
            guard let end = head.readableBytesView.firstRange(of: [13, 10, 13, 10])?.upperBound else { return }
            let text = String(buffer: head)
            let place = "Location: /v2/library/app/blobs/uploads/1\r\n"
            guard text.hasPrefix("PUT ") else {
                let status = text.hasPrefix("POST ") ? "202 Accepted" : "404 Not Found"
                answer(context, "HTTP/1.1 \(status)\r\n\(place)Content-Length: 0\r\n\r\n")
                head.clear()
                return
            }
            isInBody = true
            bytes = ByteBuffer(head.readableBytesView[end...])
        }
        guard taken.take(bytes.readableBytes) else { return }
        answer(context, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        let context = NIOLoopBound(context, eventLoop: context.eventLoop)
        // Slower than whoever sends.
        context.eventLoop.scheduleTask(in: .milliseconds(1)) { context.value.read() }
    }

    private func answer(_ context: ChannelHandlerContext, _ text: String) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
    }
}
