import NIOCore
import NIOPosix

/// A proxy that leads every request to one port of this machine, whatever host is asked for.
///
/// Understands `CONNECT` and requests with an absolute target, one for each connection.
package final class TinyProxy: Sendable {
    private let state = Watched<[String]>([])
    /// Where it listens.
    package let port: Int
    fileprivate let upstream: Int
    /// The head that is sent instead of doing what was asked.
    fileprivate let refusal: String?

    private init(port: Int, upstream: Int, refusal: String?) {
        self.port = port
        self.upstream = upstream
        self.refusal = refusal
    }

    /// The heads of all requests so far.
    package var heads: [String] { state.value }

    fileprivate func record(_ head: String) { state.update { $0.append(head) } }

    /// Runs a body with a proxy; with a refusal it answers every request with that head.
    package static func with<R>(
        to upstream: Int,
        refusal: String? = nil,
        _ body: (TinyProxy) async throws -> R
    ) async throws -> R {
        let running = Watched<TinyProxy?>(nil)
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let proxy = running.value else { throw ChannelError.ioOnClosedChannel }
                    try channel.pipeline.syncOperations.addHandler(ProxyConnection(proxy))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let proxy = TinyProxy(port: listener.localAddress?.port ?? 0, upstream: upstream, refusal: refusal)
        running.update { $0 = proxy }
        let outcome: Result<R, any Error>
        do { outcome = .success(try await body(proxy)) } catch { outcome = .failure(error) }
        try? await listener.close()
        return try outcome.get()
    }
}

/// The client's side of one connection.
private final class ProxyConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let proxy: TinyProxy
    private var received = ByteBuffer()
    private var isConnecting = false
    private var peer: (any Channel)?

    init(_ proxy: TinyProxy) { self.proxy = proxy }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if let peer { return peer.writeAndFlush(unwrapInboundIn(data), promise: nil) }
        received.writeImmutableBuffer(unwrapInboundIn(data))
        let text = String(buffer: received)
        guard !isConnecting, let end = text.firstRange(of: "\r\n\r\n") else { return }
        isConnecting = true
        let head = String(text[..<end.lowerBound])
        proxy.record(head)
        received.moveReaderIndex(forwardBy: head.utf8.count + 4)
        if let refusal = proxy.refusal {
            let answer = ByteBuffer(string: refusal + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            context.writeAndFlush(wrapOutboundOut(answer), promise: nil)
        } else {
            connect(context, head)
        }
    }

    private func connect(_ context: ChannelHandlerContext, _ head: String) {
        let channel = context.channel
        ClientBootstrap(group: context.eventLoop)
            .channelInitializer { peer in
                peer.eventLoop.makeCompletedFuture {
                    try peer.pipeline.syncOperations.addHandler(ProxyPeer(channel))
                }
            }
            .connect(host: "127.0.0.1", port: proxy.upstream)
            .assumeIsolated().whenSuccess { self.connected($0, channel, head) }
    }

    private func connected(_ peer: any Channel, _ channel: any Channel, _ head: String) {
        self.peer = peer
        if head.hasPrefix("CONNECT ") {
            channel.writeAndFlush(ByteBuffer(string: "HTTP/1.1 200 OK\r\n\r\n"), promise: nil)
        } else {
            peer.writeAndFlush(ByteBuffer(string: Self.originForm(head)), promise: nil)
        }
        peer.writeAndFlush(received, promise: nil)
    }

    /// The head with the target's path alone, for one exchange.
    private static func originForm(_ head: String) -> String {
        var lines = head.split(separator: "\r\n").map(String.init)
        let words = lines[0].split(separator: " ")
        let path = words[1].split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false).last ?? ""
        lines[0] = "\(words[0]) /\(path) HTTP/1.1"
        return (lines + ["Connection: close"]).joined(separator: "\r\n") + "\r\n\r\n"
    }

    func channelInactive(context: ChannelHandlerContext) {
        peer?.close(promise: nil)
    }
}

/// The other side: hands everything back.
private final class ProxyPeer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let client: any Channel

    init(_ client: any Channel) { self.client = client }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        client.writeAndFlush(unwrapInboundIn(data), promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        client.close(promise: nil)
    }
}
