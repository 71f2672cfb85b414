import Glibc
import NIOCore
import Synchronization

/// What all connections of a server share.
final class ServerState: Sendable {
    let limits: ConnectionLimits
    let metrics: ServeMetrics
    /// Requests that need more than an event loop can do at once.
    private let pending: AsyncStream<PendingRequest>.Continuation
    let threads: ServeThreads

    private struct State {
        var open: [ObjectIdentifier: any Channel] = [:]
        var perClient: [String: Int] = [:]
        /// Connections for which there was no room, and which are told so.
        var leaving = 0
        var isDraining = false
    }

    private let state = Mutex(State())

    /// The memory that the pieces on their way to clients may take together, in bytes.
    private static let streamMemory = 32 << 20

    init(
        limits: ConnectionLimits,
        metrics: ServeMetrics,
        pending: AsyncStream<PendingRequest>.Continuation,
        threads: ServeThreads
    ) {
        self.threads = threads
        self.limits = limits
        self.metrics = metrics
        self.pending = pending
    }

    var isDraining: Bool { state.withLock { $0.isDraining } }

    /// Takes a connection in until its channel closes.
    ///
    /// - Returns: whether there is room for it.
    func admit(_ channel: any Channel) -> Bool {
        let address = channel.remoteAddress
        let isOwn = limits.exemptsThisMachine && address?.isThisMachine(at: channel.localAddress) == true
        let client = isOwn ? nil : address?.clientKey
        let isAdmitted = state.withLock { state in
            guard !state.isDraining, state.open.count < limits.connections else { return false }
            if let client {
                guard state.perClient[client, default: 0] < limits.connectionsPerClient else { return false }
                state.perClient[client, default: 0] += 1
            }
            state.open[ObjectIdentifier(channel)] = channel
            return true
        }
        guard isAdmitted else {
            metrics.connectionRefused()
            return false
        }
        metrics.connectionOpened()
        channel.closeFuture.whenComplete { _ in self.release(channel, client) }
        return true
    }

    /// Leaves an answer to a task of the server.
    ///
    /// - Returns: what ends when the client leaves, and when it has its answer.
    func ask(
        _ request: Request,
        isAdmitted: Bool,
        _ responder: Responder,
        _ channel: any Channel
    ) -> AsyncStream<Never>.Continuation {
        let (departure, end) = AsyncStream<Never>.makeStream()
        let client = ServedClient(key: channel.remoteAddress?.clientKey ?? "")
        pending.yield(
            PendingRequest(
                request: request,
                isAdmitted: isAdmitted,
                responder: responder,
                channel: channel,
                client: client,
                departure: departure
            )
        )
        return end
    }

    /// Takes note of a connection that is sent away, until it closes.
    ///
    /// - Returns: whether there is room for it.
    func turnAway(_ channel: any Channel) -> Bool {
        let hasRoom = state.withLock { state in
            guard state.leaving < limits.leaving else { return false }
            state.leaving += 1
            return true
        }
        guard hasRoom else { return false }
        channel.closeFuture.whenComplete { _ in self.state.withLock { $0.leaving -= 1 } }
        return true
    }

    private func release(_ channel: any Channel, _ client: String?) {
        metrics.connectionClosed()
        state.withLock { state in
            state.open[ObjectIdentifier(channel)] = nil
            guard let client, let count = state.perClient[client] else { return }
            state.perClient[client] = count > 1 ? count - 1 : nil
        }
    }

    /// Lets no more connections in, and asks those there are to end after their answers.
    ///
    /// - Returns: the connections.
    func drain() -> [any Channel] {
        let channels = state.withLock { state in
            state.isDraining = true
            return Array(state.open.values)
        }
        for channel in channels { channel.pipeline.fireUserInboundEventTriggered(DrainEvent()) }
        return channels
    }

    /// How many bytes of a blob are read at once: fewer the more clients there are, so that memory stays bounded.
    var pieceSize: Int {
        let share = Self.streamMemory / max(1, metrics.streams)
        return min(256 << 10, max(16 << 10, share))
    }
}

extension SocketAddress {
    /// What counts as one client: an address of IPv4, but all of a network's addresses of IPv6, of which anybody has 2^64.
    var clientKey: String? {
        guard case .v6 = self, let text = ipAddress else { return ipAddress }
        var bytes = [UInt8](repeating: 0, count: 16)
        guard inet_pton(AF_INET6, text, &bytes) == 1 else { return text }
        let isMapped = bytes.prefix(10).allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF
        return (isMapped ? bytes[12...] : bytes[..<8]).map { String($0, radix: 16) }.joined(separator: ":")
    }

    /// Whether it is this machine's own: who comes from the address that is listened at can be nobody else.
    func isThisMachine(at local: SocketAddress?) -> Bool { isLoopback || local?.ipAddress == ipAddress }

    private var isLoopback: Bool {
        guard let address = ipAddress else { return true }
        return address.hasPrefix("127.") || address == "::1" || address.hasPrefix("::ffff:127.")
    }
}
