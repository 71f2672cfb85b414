import Glibc
import Logging
import NIOCore
import NIOPosix
import OCI

/// Accepts connections and gives each its handlers.
struct Listener: Sendable {
    private static let backlog: CInt = 512
    private let state: ServerState
    private let log: AccessLog
    private let group = MultiThreadedEventLoopGroup.singleton
    private let resources: [ObjectIdentifier: NIOLoopBoundBox<LoopResources?>]

    init(state: ServerState, logger: Logger) {
        self.state = state
        log = AccessLog(logger: logger, metrics: state.metrics)
        var resources: [ObjectIdentifier: NIOLoopBoundBox<LoopResources?>] = [:]
        for loop in group.makeIterator() {
            resources[ObjectIdentifier(loop)] = .makeEmptyBox(valueType: LoopResources.self, eventLoop: loop)
        }
        self.resources = resources
    }

    /// Listens until the channel is closed; errors name the option that chooses the address.
    ///
    /// - Throws: ``ServerError``.
    func bind(
        _ address: ListenAddress,
        _ option: String,
        _ tls: TLSContext?,
        _ responder: Responder
    ) async throws -> any Channel {
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: Self.backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.tcpOption(SendQueue.limit), value: SendQueue.untilTrusted)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try prepare(channel, tls, responder) }
            }
        return try await Self.bind(bootstrap, to: address, option)
    }

    /// Takes an address for a moment, to find out whether one can; errors name the option that chooses it.
    ///
    /// - Throws: ``ServerError``.
    static func check(_ address: ListenAddress, _ option: String) async throws {
        try await taking(address, option) { host in
            try await NIOThreadPool.singleton.runIfActive { try bind(host, address.port) }
        }
    }

    private static func bind(
        _ bootstrap: ServerBootstrap,
        to address: ListenAddress,
        _ option: String
    ) async throws -> any Channel {
        try await taking(address, option) { try await bootstrap.bind(host: $0, port: address.port).get() }
    }

    private static func taking<Result>(
        _ address: ListenAddress,
        _ option: String,
        _ body: (_ host: String) async throws -> Result
    ) async throws -> Result {
        do {
            guard address.host.isEmpty else { return try await body(address.host) }
            do {
                // Takes IPv4 too, where the system has both.
                return try await body("::")
            } catch {
                return try await body("0.0.0.0")
            }
        } catch {
            throw ServerError(
                "cannot listen on \(address): \(reason(error).displaySafe); choose another address with \(option), "
                    + "or end what uses this one"
            )
        }
    }

    /// Binds a socket that does not listen: whoever connected to it would be answered by nobody.
    ///
    /// Blocks.
    private static func bind(_ host: String, _ port: Int) throws {
        let address = try SocketAddress.makeAddressResolvingHost(host, port: port)
        let type = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        let socket = Glibc.socket(address.protocol.rawValue, type, 0)
        guard socket >= 0 else { throw IOError(errnoCode: errno, reason: "socket") }
        defer { Glibc.close(socket) }
        var isReused: CInt = 1
        let size = socklen_t(MemoryLayout<CInt>.size)
        guard setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &isReused, size) == 0,
            address.withSockAddr({ Glibc.bind(socket, $0, socklen_t($1)) }) == 0
        else { throw IOError(errnoCode: errno, reason: "bind") }
    }

    /// In the system's words, without the names of calls.
    private static func reason(_ error: any Error) -> String {
        switch error {
        case let error as IOError: String(cString: strerror(error.errnoCode))
        case is SocketAddressError.UnknownHost: "the host's name is not known"
        default: "\(error)"
        }
    }

    private func prepare(_ channel: any Channel, _ tls: TLSContext?, _ responder: Responder) throws {
        let pipeline = channel.pipeline.syncOperations
        let isAdmitted = state.admit(channel)
        if let tls { try pipeline.addHandler(tls.makeHandler()) }
        guard isAdmitted else {
            // Those who are told so need files as well; whoever comes when there are many is not even told.
            guard state.turnAway(channel) else { return channel.close(promise: nil) }
            try pipeline.addHandler(CrowdHandler())
            return
        }
        try pipeline.addHandler(
            ConnectionHandler(
                state,
                responder,
                loopResources(channel.eventLoop),
                isPlain: tls == nil,
                log: log
            )
        )
    }

    private func loopResources(_ loop: any EventLoop) -> LoopResources {
        guard let box = resources[ObjectIdentifier(loop)] else { return LoopResources() }
        if let present = box.value { return present }
        let fresh = LoopResources()
        box.value = fresh
        return fresh
    }
}

/// Sends away a connection for which there is no room.
private final class CrowdHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var hasAnswered = false

    /// Once it has asked: clients take an answer that comes before for none.
    func channelRead(context: ChannelHandlerContext, data: NIOAny) { sendAway(context) }

    func channelActive(context: ChannelHandlerContext) {
        let timeout = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(ConnectionLimits.linger)) {
            self.sendAway(context)
            context.close(promise: nil)
        }
        context.channel.closeFuture.whenComplete { _ in timeout.cancel() }
    }

    private func sendAway(_ context: ChannelHandlerContext) {
        guard !hasAnswered else { return }
        hasAnswered = true
        var buffer = ByteBuffer()
        var encoder = ResponseEncoder()
        let message = "there are too many connections; try again"
        let response = Response(503, .tooManyRequests, message, [("Retry-After", "1")])
        let head = RequestHead(method: .other("-"), target: "-", isHTTP10: false)
        encoder.write(response, Exchange(Request(head), isLast: true), into: &buffer)
        if case .bytes(var body) = response.body { buffer.writeBuffer(&body) }
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
        // What it still sends is taken, else the system would cut the connection before the answer is read.
        context.close(mode: .output, promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { context.close(promise: nil) }
    }
}

extension ListenAddress {
    /// An address as ``ListenAddress`` would be written.
    static func text(_ address: SocketAddress) -> String {
        let host = address.ipAddress ?? ""
        return "\(host.contains(":") ? "[\(host)]" : host):\(address.port ?? 0)"
    }
}
