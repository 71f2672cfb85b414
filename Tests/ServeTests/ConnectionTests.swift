import Glibc
import NIOCore
import NIOPosix
import OCI
import TestSupport
import Testing

@testable import Serve

/// Connections: order, limits, deadlines, and clients that misbehave.
@Suite(.timeLimit(.minutes(10)))
struct ConnectionTests {
    private static let image = SampleImage.image(layers: [.init(seed: 1, size: 30_000_000), .init(seed: 2, size: 3000)])
    private static let images = [("docker.io/library/app:1", image)]
    private static var large: String { "/v2/app/blobs/\(image.blobs[1].descriptor.digest)" }
    private static var small: String { "/v2/app/blobs/\(image.blobs[2].descriptor.digest)" }

    private static func request(_ uri: String, _ lines: String...) -> String {
        "GET \(uri) HTTP/1.1\r\nHost: a\r\n" + lines.map { $0 + "\r\n" }.joined() + "\r\n"
    }

    /// How many answers the bytes hold; bodies here never look like one.
    private func answers(_ received: RawConnection.Received) -> Int {
        received.bytes.count(of: "\r\nDate: ")
    }

    @Test("A hostile request gets one answer and the end of its connection, never a second request's answer")
    func hostile() async throws {
        try await ServedCache.with { served async throws in
            for request in HostileRequest.all {
                let received = try await RawConnection.with(to: served.host) { connection async throws in
                    connection.send(request.text + Self.request("/healthz"))
                    return try await connection.waitForEnd()
                }
                let answer = RawAnswer(received)
                #expect(answer.status == request.status, "\(request.testDescription): \(answer.text)")
                #expect(answer.headers["Connection"] == "close", "\(request.testDescription)")
                #expect(answers(received) == 1 && !answer.text.contains("\"ok\""), "\(request.testDescription)")
            }
        }
    }

    @Test("Requests sent at once are answered in their order, small, large and waiting ones mixed")
    func pipelining() async throws {
        try await ServedCache.with(Self.images) { served async throws in
            let uris = [
                Self.small, "/v2/app/tags/list", Self.large, "/v2/", "/v2/app/manifests/1", Self.small, "/nope",
            ]
            var expected = ByteBuffer()
            for uri in uris { expected.writeImmutableBuffer(try await served.get(uri).body) }
            let received = try await RawConnection.with(to: served.host) { connection async throws in
                let more = uris.dropLast().map { Self.request($0) }.joined()
                connection.send(more + Self.request("/nope", "Connection: close"))
                return try await connection.waitForEnd()
            }
            #expect(Self.bodies(received.bytes) == expected)
        }
    }

    /// The bodies of answers, one after the other.
    private static func bodies(_ bytes: ByteBuffer) -> ByteBuffer {
        var rest = bytes
        var result = ByteBuffer()
        while let end = rest.readableBytesView.firstRange(of: Array("\r\n\r\n".utf8)) {
            let head = rest.readString(length: end.upperBound - rest.readerIndex) ?? ""
            let line = head.split(separator: "\r\n").first { $0.hasPrefix("Content-Length: ") } ?? ""
            guard let length = Int(line.dropFirst(16)), var body = rest.readSlice(length: length) else { break }
            result.writeBuffer(&body)
        }
        return result
    }

    @Test(
        "A body is thrown away when it is short, and ends the connection when it is not",
        arguments: [
            ("Content-Length: 0", "", 2), ("Content-Length: 5", "GET /", 2),
            ("Content-Length: 65536", String(repeating: "x", count: 65536), 2),
            ("Content-Length: 65537", String(repeating: "x", count: 65537), 1),
            ("Transfer-Encoding: chunked", "5\r\nGET /\r\n0\r\n\r\n", 1),
            ("Expect: 100-continue\r\nContent-Length: 5", "GET /", 1),
        ]
    )
    func bodies(field: String, body: String, count: Int) async throws {
        try await ServedCache.with { served async throws in
            for method in ["GET", "POST"] {
                let received = try await RawConnection.with(to: served.host) { connection async throws in
                    connection.send("\(method) /v2/ HTTP/1.1\r\nHost: a\r\n\(field)\r\n\r\n\(body)")
                    connection.send(Self.request("/healthz", "Connection: close"))
                    return try await connection.waitForEnd()
                }
                #expect(answers(received) == count, "\(method) \(field)")
                #expect(String(buffer: received.bytes).contains("\"ok\"") == (count == 2))
            }
        }
    }

    @Test("What was read of pipelined heads is let go, and a client that reads no answer has to wait with more")
    func pipelinedHeads() async throws {
        try await ServedCache.with { served async throws in
            let filler = String(repeating: "x", count: 31_000)
            let request = Self.request("/v2/", "X-Filler: \(filler)")
            let count = 600
            let received = try await RawConnection.with(to: served.host) { connection async throws in
                for _ in 1..<count { connection.send(request) }
                connection.send(Self.request("/v2/", "Connection: close"))
                return try await connection.waitForEnd()
            }
            #expect(answers(received) == count)
        }
    }

    @Test("However many heads pass through, what has arrived takes no more memory than one read and a head")
    func memoryOfHeads() throws {
        let head = Self.request("/v2/", "X-Filler: \(String(repeating: "x", count: 9000))")
        var stream = ByteBuffer(string: String(repeating: head, count: 200))
        var inbox = Inbox()
        var heads = 0
        // Reads that never end where a head does.
        while let piece = stream.readSlice(length: min(stream.readableBytes, 4001)), piece.readableBytes > 0 {
            inbox.take(ByteBuffer(bytes: piece.readableBytesView))
            while try inbox.next() != nil { heads += 1 }
            #expect(inbox.memory <= 64 << 10)
        }
        #expect(heads == 200)
    }

    @Test("A client's addresses of IPv6 count as one, those of IPv4 each for itself")
    func clientKeys() throws {
        let key = { (text: String) in try SocketAddress(ipAddress: text, port: 1).clientKey }
        #expect(try key("2001:db8:1:2::1") == key("2001:db8:1:2:ffff::9"))
        #expect(try key("2001:db8:1:2::1") != key("2001:db8:1:3::1"))
        #expect(try key("192.0.2.1") != key("192.0.2.2"))
        #expect(try key("::ffff:192.0.2.1") != key("::ffff:192.0.2.2"))
    }

    @Test("Who comes from this machine is known by its address, whichever of them is listened at")
    func thisMachine() throws {
        let address = { (text: String) in try SocketAddress(ipAddress: text, port: 1) }
        for (client, local, isOwn) in [
            ("127.0.0.1", "192.0.2.1", true), ("::1", "::1", true), ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.2", "192.0.2.1", false), ("2001:db8::1", "2001:db8::1", true),
            ("2001:db8::2", "2001:db8::1", false),
        ] {
            #expect(try address(client).isThisMachine(at: address(local)) == isOwn, "\(client) at \(local)")
        }
        #expect(try !address("192.0.2.2").isThisMachine(at: nil))
    }

    @Test("A client that ends its side after its requests gets all answers", arguments: [nil, "a"])
    func halfClosed(close: String?) async throws {
        try await ServedCache.with(Self.images) { served async throws in
            let requests = [Self.large, "/v2/app/manifests/1", Self.small].map { Self.request($0) }.joined()
            let received = try await RawConnection.with(to: served.host) { connection async throws in
                connection.send(requests + (close == nil ? "" : Self.request("/v2/", "Connection: close")))
                connection.sendEnd()
                return try await connection.waitForEnd()
            }
            #expect(answers(received) == (close == nil ? 3 : 4))
            #expect(received.bytes.readableBytes > 30_003_000)
            #expect(received.error == nil)
        }
    }

    @Test("A client that ends its side without a request, or within one, is let go", arguments: ["", "GET /v2/ HT"])
    func endsEarly(text: String) async throws {
        try await ServedCache.with { served async throws in
            let received = try await RawConnection.with(to: served.host, greeting: text) { connection async throws in
                connection.sendEnd()
                return try await connection.waitForEnd()
            }
            #expect(received.bytes.readableBytes == 0)
        }
    }

    @Test("A connection ends after its last request", arguments: [1, 3])
    func requestLimit(limit: Int) async throws {
        var limits = ConnectionLimits()
        limits.requests = limit
        try await ServedCache.with(limits: limits) { served async throws in
            let received = try await RawConnection.with(to: served.host) { connection async throws in
                connection.send(String(repeating: Self.request("/v2/"), count: limit + 2))
                return try await connection.waitForEnd()
            }
            #expect(answers(received) == limit)
            #expect(received.bytes.count(of: "Connection: close") == 1)
        }
    }

    @Test(
        "A head that does not end in time is answered with 408, silence with nothing",
        arguments: ["", "GET / HT", "GET / HTTP/1.1\r\nX: a\r\n"]
    )
    func slowHead(text: String) async throws {
        var limits = ConnectionLimits()
        limits.head = .seconds(3)
        try await ServedCache.with(limits: limits) { served async throws in
            let received = try await RawConnection.with(to: served.host, greeting: text) { connection async throws in
                try await connection.waitForEnd()
            }
            #expect(RawAnswer(received).status == (text.isEmpty ? 0 : 408))
        }
    }

    @Test("A connection that asks nothing more is closed")
    func idle() async throws {
        var limits = ConnectionLimits()
        limits.idle = .milliseconds(150)
        try await ServedCache.with(limits: limits) { served async throws in
            let received = try await RawConnection.with(to: served.host) { connection async throws in
                connection.send(Self.request("/v2/"))
                return try await connection.waitForEnd()
            }
            #expect(answers(received) == 1 && received.error == nil)
        }
    }

    @Test("A client beyond the limit is sent away, and let in when another has left", arguments: [true, false])
    func connectionLimit(isPerClient: Bool) async throws {
        var limits = ConnectionLimits()
        limits.exemptsThisMachine = false
        if isPerClient { limits.connectionsPerClient = 2 } else { limits.connections = 2 }
        try await ServedCache.with(limits: limits) { served async throws in
            try await RawConnection.with(to: served.host) { first async throws in
                try await RawConnection.with(to: served.host) { second async throws in
                    for connection in [first, second] {
                        connection.send(Self.request("/v2/"))
                        try await connection.wait { $0.bytes.readableBytes > 0 }
                    }
                    let third = try await RawConnection.with(to: served.host) { try await $0.waitForEnd() }
                    #expect(RawAnswer(third).status == 503 && RawAnswer(third).headers["Retry-After"] == "1")
                }
                first.send(Self.request("/healthz", "Connection: close"))
                _ = try await first.waitForEnd()
            }
            var status = 0
            // The server may hear of the closed connections a little later than the clients.
            for _ in 0..<10_000 where status != 200 { status = try await served.get("/v2/").status }
            #expect(status == 200)
        }
    }

    @Test("A client that leaves in the middle of a blob costs nothing but its connection")
    func leaving() async throws {
        try await ServedCache.with(Self.images) { served async throws in
            for _ in 0..<20 {
                try await RawConnection.with(to: served.host) { connection async throws in
                    connection.send(Self.request(Self.large))
                    try await connection.wait { $0.bytes.readableBytes > 100 }
                }
            }
            #expect(try await served.get(Self.large).body == Self.image.blobs[1].source.buffer)
        }
    }

    @Test("A client that takes nothing of its answer is let go")
    func standstill() async throws {
        var limits = ConnectionLimits()
        limits.progress = .milliseconds(200)
        try await ServedCache.with(Self.images, limits: limits) { served async throws in
            let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .channelOption(.autoRead, value: false)
                .connect(host: "127.0.0.1", port: try #require(try served.host.port)).get()
            try await channel.writeAndFlush(ByteBuffer(string: Self.request(Self.large)))
            try await served.log.wait(for: Self.large)
            #expect(!served.log.text.contains("bytes=30000000") && !served.log.text.contains("\"30000000\""))
            try await channel.close()
        }
    }

    @Test("A stopping server completes the answers under way and takes no new connection")
    func drain() async throws {
        let host = Watched<RegistryHost?>(nil)
        var limits = ConnectionLimits.patient
        // On a loaded machine the answer takes longer than a stopping server waits otherwise.
        limits.drain = .seconds(500)
        let received = try await withThrowingTaskGroup(of: RawConnection.Received?.self) { group in
            let started = Gate()
            group.addTask { [limits] in
                try await ServedCache.with(Self.images, limits: limits) { served async throws in
                    host.update { $0 = try? served.host }
                    try await started.waitForArrivals()
                }
                return nil
            }
            group.addTask {
                try await host.wait { $0 != nil }
                return try await RawConnection.with(to: try #require(host.value)) { connection async throws in
                    connection.send(Self.request(Self.large))
                    try await connection.wait { $0.bytes.readableBytes > 0 }
                    started.pass {}
                    return try await connection.waitForEnd()
                }
            }
            var result: RawConnection.Received?
            for try await received in group where received != nil { result = received }
            return try #require(result)
        }
        #expect(RawAnswer(received).body == Self.image.blobs[1].source.buffer)
        let place = try #require(host.value)
        await #expect(throws: (any Error).self) { try await RawClient(place).get("/v2/") }
    }

    @Test("What was asked is logged in one line, without the query and without control characters")
    func accessLog() async throws {
        try await ServedCache.with { served async throws in
            _ = try await served.get(
                "/v2/app/tags/list?n=1&secret=canary",
                ["User-Agent": "x\u{9b}y", "Authorization": "Basic canary"]
            )
            let line = served.log.text.split(separator: "\n").first { $0.contains("answered") }
            #expect(line?.contains("\"/v2/app/tags/list\"") == true || line?.contains("/v2/app/tags/list") == true)
            #expect(!served.log.text.contains("canary") && !served.log.text.contains("\u{9b}"))
        }
    }
}

extension ByteBuffer {
    /// How often a text occurs.
    ///
    /// The C library looks for it: a megabyte takes a second, looked at byte by byte in code that is not optimised.
    fileprivate func count(of text: String) -> Int {
        withUnsafeReadableBytes { bytes in
            guard let first = text.utf8.first, var place = bytes.baseAddress else { return 0 }
            let end = place + bytes.count
            var count = 0
            while let found = memchr(place, CInt(first), end - place) {
                place = UnsafeRawPointer(found)
                guard end - place >= text.utf8.count else { break }
                if memcmp(place, text, text.utf8.count) == 0 { count += 1 }
                place += 1
            }
            return count
        }
    }
}
