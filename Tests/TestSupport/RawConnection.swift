package import NIOCore
import NIOPosix
import NIOSSL
package import OCI

/// A connection whose bytes a test sees as they are.
package final class RawConnection: Sendable {
    /// What has arrived so far.
    package struct Received: Sendable {
        package internal(set) var bytes = ByteBuffer()
        /// Whether the other side has ended the connection, in whatever way.
        package internal(set) var isClosed = false
        /// Whether it ended with an error, such as a reset.
        package internal(set) var error: String?
    }

    private let channel: any Channel
    private let state: Watched<Received>

    private init(_ channel: any Channel, _ state: Watched<Received>) {
        self.channel = channel
        self.state = state
    }

    /// Connects while a closure runs.
    ///
    /// - Parameters:
    ///   - host: where to.
    ///   - authorityFile: speaks TLS and trusts this authority; `nil` is plain TCP.
    ///   - greeting: what is sent at once, before a loaded machine gets round to `body`.
    ///   - pauses: takes nothing until ``resume()``, with a small window.
    ///   - body: what to do with the connection.
    /// - Returns: what `body` returned.
    /// - Throws: what connecting or `body` threw.
    package static func with<R>(
        to host: RegistryHost,
        authorityFile: String? = nil,
        greeting: String = "",
        pauses: Bool = false,
        _ body: (RawConnection) async throws -> R
    ) async throws -> R {
        let state = Watched(Received())
        let tls = try authorityFile.map { file in
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.trustRoots = .file(file)
            return try NIOSSLContext(configuration: configuration)
        }
        let name = host.name == "localhost" ? host.name : nil
        var bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        if pauses {
            bootstrap = bootstrap.channelOption(.autoRead, value: false).channelOption(
                .socketOption(.so_rcvbuf),
                value: 4096
            )
        }
        let channel =
            try await bootstrap
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let tls { try pipeline.addHandler(NIOSSLClientHandler(context: tls, serverHostname: name)) }
                    try pipeline.addHandler(Collector(state, greeting))
                }
            }
            .connect(host: "127.0.0.1", port: host.port ?? 80).get()
        let outcome: Result<R, any Error>
        do { outcome = .success(try await body(RawConnection(channel, state))) } catch { outcome = .failure(error) }
        channel.close(promise: nil)
        try? await channel.closeFuture.get()
        return try outcome.get()
    }

    /// Sends bytes; an error of the connection shows in what is received.
    package func send(_ bytes: ByteBuffer) {
        channel.writeAndFlush(bytes, promise: nil)
    }

    /// Sends text.
    package func send(_ text: String) { send(ByteBuffer(string: text)) }

    /// Sends what ends this side of the connection; the other one is still read.
    package func sendEnd() { channel.close(mode: .output, promise: nil) }

    /// Ends this side of a TLS connection without TLS's own farewell, as some programs do.
    package func sendBareEnd() async throws {
        try await channel.eventLoop.submit { [channel] in
            let tls = try channel.pipeline.syncOperations.context(handlerType: NIOSSLClientHandler.self)
            tls.close(mode: .output, promise: nil)
        }.get()
    }

    /// Begins to take what comes.
    package func resume() async throws {
        try await channel.setOption(.autoRead, value: true).get()
        channel.read()
    }

    /// What has arrived so far.
    package var received: Received { state.value }

    /// Waits until what has arrived satisfies a condition, or the connection has ended.
    @discardableResult
    package func wait(until isSatisfied: @escaping @Sendable (Received) -> Bool) async throws -> Received {
        try await state.wait { $0.isClosed || isSatisfied($0) }
        return state.value
    }

    /// Waits for the connection's end.
    package func waitForEnd() async throws -> Received { try await wait { _ in false } }
}

private final class Collector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let state: Watched<RawConnection.Received>
    private let greeting: String

    init(_ state: Watched<RawConnection.Received>, _ greeting: String) {
        self.state = state
        self.greeting = greeting
    }

    func channelActive(context: ChannelHandlerContext) {
        if !greeting.isEmpty { context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: greeting)), promise: nil) }
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        state.update { $0.bytes.writeImmutableBuffer(bytes) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        state.update { $0.error = "\(error)" }
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        state.update { $0.isClosed = true }
    }
}
