import AsyncHTTPClient
import Logging
import NIOCore
import OCI

/// The HTTP clients: one for each lane and proxy, because the library knows one proxy and one pool limit a client; and as
/// many whose connections are new for each request.
final class HTTPClients: Sendable {
    private struct Key: Hashable {
        let lane: Lane
        let proxy: ProxySettings.Proxy?
        let keeps: Bool
    }

    private let clients: [Key: HTTPClient]

    init(_ configuration: RegistryConfiguration) {
        let largest = configuration.hosts.values.compactMap(\.maxConnections).max() ?? 0
        let limit = max(largest, ConnectionBudget.standard)
        let proxies: [ProxySettings.Proxy?] = [nil] + configuration.proxies.proxies
        let keys = proxies.flatMap { proxy in
            Lane.allCases.flatMap { lane in [true, false].map { Key(lane: lane, proxy: proxy, keeps: $0) } }
        }
        clients = Dictionary(
            uniqueKeysWithValues: keys.map { key in
                (key, Self.client(key, limit: limit, timeout: configuration.retry.timeout))
            }
        )
    }

    /// `keeps` says whether a connection may be one that others have left, and is left to others.
    func client(_ lane: Lane, proxy: ProxySettings.Proxy?, keeps: Bool) -> HTTPClient {
        guard let client = clients[Key(lane: lane, proxy: proxy, keeps: keeps)] else {
            preconditionFailure("there is a client for each proxy that is configured")
        }
        return client
    }

    func shutdown(logger: Logger) async {
        for client in clients.values {
            do {
                try await client.shutdown()
            } catch {
                logger.debug("an HTTP client did not shut down cleanly", metadata: ["error": "\(error)"])
            }
        }
    }

    /// `TCP_NOTSENT_LOWAT`, which NIO does not name: how much the system takes of what it has not sent yet.
    private static var notSent: ChannelOptions.Types.SocketOption {
        .init(level: .tcp, name: NIOBSDSocket.Option(rawValue: 25))
    }

    private static func client(_ key: Key, limit: Int, timeout: Duration) -> HTTPClient {
        // Tokens are fetched beside the gate's limit. What has rested for as long as an answer may take is not worth the wait
        // for one that does not come, as somebody between has forgotten the connection.
        let pool = HTTPClient.Configuration.ConnectionPool(
            idleTimeout: min(.seconds(55), timeout.timeAmount),
            concurrentHTTP1ConnectionsPerHostSoftLimit: limit + 4
        )
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: .modern,
            redirectConfiguration: .disallow,
            timeout: .init(connect: .seconds(10)),
            connectionPool: pool,
            proxy: key.proxy.map(\.library),
            decompression: .disabled
        )
        configuration.httpVersion = .http1Only
        // The library would take each URL apart once more for nobody.
        configuration.tracing.tracer = nil
        configuration.connectionPool.retryConnectionEstablishment = false
        if !key.keeps { configuration.maximumUsesPerConnection = 1 }
        // A body's idle time. Not for uploads: their answer may take longer, and they are watched by UploadProgress.
        if key.lane == .read { configuration.timeout.read = timeout.timeAmount }
        configuration.http1_1ConnectionDebugInitializer = { prepare($0, for: key.lane) }
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    private static func prepare(_ channel: any Channel, for lane: Lane) -> EventLoopFuture<Void> {
        channel.eventLoop.makeCompletedFuture { try HeadRepair.install(in: channel) }.flatMap {
            channel.setOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(minimum: 4096, initial: 65_536, maximum: 262_144)
            )
        }
        .flatMap {
            // What the system has buffered has not been sent, and would be shown as if it were.
            lane == .read ? channel.eventLoop.makeSucceededVoidFuture() : channel.setOption(notSent, value: 256 << 10)
        }
    }
}

extension ProxySettings.Proxy {
    fileprivate var library: HTTPClient.Configuration.Proxy {
        .server(
            host: host,
            port: port,
            authorization: user.map { .basic(username: $0, password: password?.revealed ?? "") }
        )
    }
}

extension Duration {
    /// At least a millisecond.
    var timeAmount: TimeAmount {
        let (seconds, attoseconds) = components
        return max(.milliseconds(1), .seconds(seconds) + .nanoseconds(attoseconds / 1_000_000_000))
    }
}
