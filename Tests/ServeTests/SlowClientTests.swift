import NIOCore
import OCI
import TestSupport
import Testing

@testable import Serve

/// Clients that take their time, and those who pull beside them.
@Suite(.timeLimit(.minutes(10)))
struct SlowClientTests {
    private static let image = SampleImage.image(layers: [.init(seed: 1, size: 30_000_000)])
    private static let images = [("docker.io/library/app:1", image)]
    private static var uri: String { "/v2/app/blobs/\(image.blobs[1].descriptor.digest)" }
    private static var bytes: ByteBuffer { image.blobs[1].source.buffer }

    /// Waits until the server knows of that many connections.
    private static func waitForConnections(_ count: Int, _ served: ServedCache) async throws {
        let line = "imglife_serve_connections \(count)\n"
        while !served.metrics.text([]).contains(line) { try await ContinuousClock().sleep(for: .milliseconds(5)) }
    }

    @Test(
        "A pull beside a hundred slow clients of any kind comes whole, and none of them is let go for it",
        arguments: SlowClient.allCases
    )
    func beside(client: SlowClient) async throws {
        try await ServedCache.with(Self.images, limits: .patient) { served async throws in
            try await HeldConnections.with(client, count: 100, at: served.host, uri: Self.uri) { held async throws in
                try await Self.waitForConnections(100, served)
                for _ in 0..<2 { #expect(try await served.get(Self.uri).body == Self.bytes) }
                #expect(held.open == 100)
            }
        }
    }

    @Test(
        "Behind one address that others have filled a client is told at once to come back, and is served when they are let go",
        .timeLimit(.minutes(10)),
        arguments: [SlowClient.head, .body, .writing]
    )
    func sameAddress(client: SlowClient) async throws {
        var limits = ConnectionLimits()
        limits.exemptsThisMachine = false
        limits.connectionsPerClient = 8
        limits.head = .seconds(2)
        try await ServedCache.with(Self.images, limits: limits) { served async throws in
            try await HeldConnections.with(client, count: 8, at: served.host, uri: Self.uri) { held async throws in
                // Another address is another client.
                try await HeldConnections.with(
                    .idle,
                    count: 1,
                    at: served.host,
                    uri: Self.uri,
                    from: "127.0.0.2"
                ) { other async throws in
                    let refused = try await served.get(Self.uri)
                    // A loaded machine may have let the first ones go by now.
                    #expect(refused.status == 503 || held.open < 8)
                    if refused.status == 503 {
                        #expect(refused.headers["Retry-After"] == "1" && refused.text.contains("TOOMANYREQUESTS"))
                    }
                    #expect(other.open == 1)
                }
                var answer = try await served.get(Self.uri)
                while answer.status != 200 {
                    try Task.checkCancellation()
                    answer = try await served.get(Self.uri)
                }
                #expect(answer.body == Self.bytes)
            }
        }
    }

    @Test("A whole server's places are free again when slow clients' time is over", .timeLimit(.minutes(10)))
    func wholeServer() async throws {
        var limits = ConnectionLimits()
        limits.connections = 20
        // Long enough for all to have come, also on a machine with much else to do.
        limits.head = .seconds(20)
        try await ServedCache.with(Self.images, limits: limits) { served async throws in
            try await HeldConnections.with(.head, count: 40, at: served.host, uri: Self.uri) { _ async throws in
                try await Self.waitForConnections(0, served)
                let refused = served.metrics.text([]).split(separator: "\n").last {
                    $0.hasPrefix("imglife_serve_refused_connections_total ")
                }
                #expect(refused?.hasSuffix(" 0") == false, "\(refused ?? "")")
                #expect(try await served.get(Self.uri).body == Self.bytes)
            }
        }
    }

    @Test(
        "A body that comes byte by byte gains no time: its request is answered, and the connection ends soon",
        .timeLimit(.minutes(10)),
        arguments: ["GET", "HEAD", "POST"]
    )
    func dribbledBody(method: String) async throws {
        var limits = ConnectionLimits()
        limits.head = .seconds(2)
        try await ServedCache.with(limits: limits) { served async throws in
            let greeting = "\(method) /v2/ HTTP/1.1\r\nHost: a\r\nContent-Length: 65536\r\n\r\n"
            let received = try await RawConnection.with(to: served.host, greeting: greeting) {
                connection async throws in
                // Bytes keep coming until the server has had enough of them; all of them would take ten minutes.
                while !connection.received.isClosed {
                    connection.send("x")
                    try await ContinuousClock().sleep(for: .milliseconds(10))
                }
                return connection.received
            }
            #expect(RawAnswer(received).status == (method == "POST" ? 405 : 200))
            #expect(String(buffer: received.bytes).ranges(of: "\r\nDate: ").count == 1)
        }
    }

    @Test("Only a client that takes nothing for all of the time is at a standstill")
    func progress() {
        var watch = ProgressWatch()
        for look in 0..<40 {
            // One byte in three looks is little, but it is not nothing.
            let stopped = watch.hasStopped(waiting: 1000 - look / 3, sent: 5)
            #expect(!stopped)
        }
        // Nothing waits for a client whose upstream is slow.
        for _ in 0..<40 {
            let stopped = watch.hasStopped(waiting: 0, sent: 5)
            #expect(!stopped)
        }
        let looks = (0...ProgressWatch.looks).map { _ in watch.hasStopped(waiting: 10, sent: 5) }
        #expect(looks == [false, false, false, false, true])
    }

    @Test("The limits are those that are documented, unless somebody sets others")
    func standard() {
        let limits = ConnectionLimits()
        #expect(limits.head == .seconds(10) && limits.idle == .seconds(60) && limits.progress == .seconds(60))
        #expect(limits.connections == 512 && limits.connectionsPerClient == 64 && limits.requests == 1000)
        #expect(ConnectionLimits.maximumBody == 65_536 && limits.drain == .seconds(30))
    }
}
