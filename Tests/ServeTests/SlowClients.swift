import NIOCore
import NIOPosix
import OCI
import Serve
import TestSupport

/// A client that keeps a connection busy and never comes to an end.
enum SlowClient: String, CaseIterable, Sendable {
    /// Has begun a request's head.
    case head
    /// Has asked, and announced a body that does not come.
    case body
    /// The same with a method that is refused.
    case writing
    /// Has asked for something large and takes none of it.
    case reading
    /// Has asked for a thousand ranges of it and takes none of them.
    case ranges
    /// Has been answered and asks nothing more.
    case idle

    func greeting(for uri: String) -> String {
        let ranges = (0..<1000).map { "\($0)-\($0 + 1)" }.joined(separator: ",")
        return switch self {
        case .head: "GET \(uri) HTTP/1.1\r\nHost: a\r\nX-Slow: 1"
        case .body: "GET /v2/ HTTP/1.1\r\nHost: a\r\nContent-Length: 4096\r\n\r\nsome"
        case .writing: "POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: a\r\nContent-Length: 4096\r\n\r\nsome"
        case .reading: "GET \(uri) HTTP/1.1\r\nHost: a\r\n\r\n"
        case .ranges: "GET \(uri) HTTP/1.1\r\nHost: a\r\nRange: bytes=\(ranges)\r\n\r\n"
        case .idle: "GET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n"
        }
    }

    /// Whether it reads what it is sent.
    var reads: Bool { self != .reading && self != .ranges }
}

/// Connections of slow clients that are held open together.
struct HeldConnections {
    let channels: [any Channel]

    /// Holds them while a closure runs.
    static func with<R>(
        _ client: SlowClient,
        count: Int,
        at host: RegistryHost,
        uri: String,
        from address: String? = nil,
        _ body: (HeldConnections) async throws -> R
    ) async throws -> R {
        var channels: [any Channel] = []
        let result: Result<R, any Error>
        do {
            for _ in 0..<count { channels.append(try await connect(client, host, uri, address)) }
            result = .success(try await body(HeldConnections(channels: channels)))
        } catch {
            result = .failure(error)
        }
        for channel in channels {
            channel.close(promise: nil)
            try? await channel.closeFuture.get()
        }
        return try result.get()
    }

    private static func connect(
        _ client: SlowClient,
        _ host: RegistryHost,
        _ uri: String,
        _ address: String?
    ) async throws -> any Channel {
        let greeting = ByteBuffer(string: client.greeting(for: uri))
        var bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.autoRead, value: client.reads)
            .channelOption(.socketOption(.so_rcvbuf), value: 4096)
        if let address { bootstrap = bootstrap.bind(to: try SocketAddress(ipAddress: address, port: 0)) }
        let channel = try await bootstrap.connect(host: "127.0.0.1", port: host.port ?? 80).get()
        // The server may have sent it away by now.
        try? await channel.writeAndFlush(greeting)
        return channel
    }

    /// How many the other side has not closed.
    var open: Int { channels.count(where: \.isActive) }
}
