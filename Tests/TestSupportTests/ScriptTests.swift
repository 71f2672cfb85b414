import NIOCore
import OCI
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct ScriptTests {
    private let blob = ByteSource.random(seed: 9, count: 500_000)

    @Test("A rule passes over requests first and is used up after its times")
    func counting() async throws {
        try await ScriptedRegistry.with { registry async throws in
            registry.script(.init("GET", "/v2", times: 2, after: 1), .status(503))
            let client = RawClient(registry.host)
            var statuses: [Int] = []
            for _ in 0..<5 { statuses.append(try await client.get("/v2/").status) }
            #expect(statuses == [200, 503, 503, 200, 200])
        }
    }

    @Test("A closure decides with the request in hand")
    func flip() async throws {
        try await ScriptedRegistry.with { registry async throws in
            registry.script(.init(times: nil), .flip { $0.query["x"] == "1" ? .status(418) : nil })
            let client = RawClient(registry.host)
            #expect(try await client.get("/v2/?x=1").status == 418)
            #expect(try await client.get("/v2/?x=2").status == 200)
        }
    }

    @Test("A head is held back until the gate opens")
    func gate() async throws {
        try await ScriptedRegistry.with { registry async throws in
            let gate = Gate()
            registry.script(.init(), .holdHead(gate))
            try await RawConnection.with(to: registry.host) { connection async throws in
                connection.send(RawClient(registry.host).head("GET", "/v2/"))
                try await gate.waitForArrivals()
                #expect(connection.received.bytes.readableBytes == 0)
                #expect(registry.requests.last?.status == nil)
                gate.open()
                #expect(RawAnswer(try await connection.waitForEnd()).status == 200)
            }
        }
    }

    @Test("A body comes in the portions that the test releases")
    func trickle() async throws {
        try await ScriptedRegistry.with { registry async throws in
            let digest = registry.store.putBlob(blob.buffer, in: "a").digest
            let valve = Valve(bytes: 10)
            registry.script(.init("GET", .blob(digest)), .trickle(valve))
            try await RawConnection.with(to: registry.host) { connection async throws in
                connection.send(RawClient(registry.host).head("GET", "/v2/a/blobs/\(digest)"))
                try await valve.waitForStalls(1)
                try await connection.wait { RawAnswer($0).body.readableBytes == 10 }
                #expect(registry.requests.last?.bytesSent == 10)
                valve.release(bytes: 5)
                try await valve.waitForStalls(2)
                #expect(registry.requests.last?.bytesSent == 15)
                valve.open()
                #expect(RawAnswer(try await connection.waitForEnd()).body == blob.buffer)
            }
        }
    }

    @Test("An early answer comes before the request's body does")
    func earlyAnswer() async throws {
        try await ScriptedRegistry.with { registry async throws in
            registry.script(.init("PUT"), .replyEarly(.error(413, "SIZE_INVALID")))
            try await RawConnection.with(to: registry.host) { connection async throws in
                connection.send(RawClient(registry.host).head("PUT", "/v2/a/manifests/x", length: 10))
                try await connection.wait { RawAnswer($0).text.contains("SIZE_INVALID") }
                #expect(registry.requests.last?.isComplete == false)
                connection.send("0123456789")
                #expect(RawAnswer(try await connection.waitForEnd()).status == 413)
            }
        }
    }

    @Test("A request above a limit is refused, one below is not")
    func largestRequest() async throws {
        try await ScriptedRegistry.with { registry async throws in
            registry.script(.init("PATCH", times: nil), .largestRequest(bytes: 1000))
            let client = RawClient(registry.host)
            let opened = try await client.request("POST", "/v2/a/blobs/uploads/")
            let location = try #require(opened.headers["location"])
            #expect(try await client.request("PATCH", location, body: blob).status == 413)
            let piece = ByteSource(blob.read(at: 0, count: 1000))
            #expect(try await client.request("PATCH", location, body: piece).status == 202)
        }
    }

    @Test("A connection is kept for the next request")
    func keepAlive() async throws {
        try await ScriptedRegistry.with { registry async throws in
            try await RawConnection.with(to: registry.host) { connection async throws in
                connection.send("GET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n")
                try await registry.waitForRequests { $0.count == 1 && $0[0].isAnswered }
                connection.send("GET /v2/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                _ = try await connection.waitForEnd()
            }
            #expect(registry.requests.map(\.connection) == [0, 0])
            #expect(registry.connectionCount == 1)
            #expect(registry.transcript == ["GET /v2/", "GET /v2/"])
        }
    }

    @Test("A body of no stored bytes is made as it is sent")
    func generatedBlob() async throws {
        let size = 20 << 20
        let source = ByteSource.random(seed: 1, count: size)
        let digest = source.digest()
        try await ScriptedRegistry.with { registry async throws in
            registry.store.putBlob(.bytes(source), digest, in: "a")
            let answer = try await RawClient(registry.host).get("/v2/a/blobs/\(digest)")
            #expect(answer.body.readableBytes == size)
            #expect(Digest.of(answer.body) == digest)
        }
    }

    @Test("A secret is found wherever it was sent")
    func canary() async throws {
        try await ScriptedRegistry.with { registry async throws in
            let client = RawClient(registry.host, credentials: "me:s3cret")
            _ = try await client.get("/v2/?a=can%61ry")
            #expect(registry.transcriptContains("s3cret"))
            #expect(registry.transcriptContains("canary"))
            #expect(!registry.transcriptContains("other"))
        }
    }
}
