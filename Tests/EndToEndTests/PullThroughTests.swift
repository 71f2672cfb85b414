import NIOCore
import OCI
import TestSupport
import Testing

/// `imglife serve --pull-through` between clients and a registry.
@Suite(.timeLimit(.minutes(10)))
struct PullThroughTests {
    private static let size = 20 << 20
    private static let image = SampleImage.image(layers: [.init(seed: 7, size: size)])
    private static var layer: SampleImage.Part { image.blobs[1] }
    private static let repository: RepositoryName = "up/app"

    private struct Stage: Sendable {
        let upstream: ScriptedRegistry
        let workspace: Workspace

        func serve<R>(_ arguments: String..., body: (ServingProgram) async throws -> R) async throws -> R {
            try await ServingProgram.with(workspace, ["--pull-through"] + arguments, body)
        }

        /// What stands before `manifests/…` and `blobs/…`.
        var path: String { "/v2/\(upstream.host.name)_\(upstream.host.port ?? 0)/up/app/" }
        var namespace: String { "?ns=\(upstream.host)" }
        var blob: String { "\(path)blobs/\(layer.descriptor.digest)" }

        var blobRequests: [RecordedRequest] {
            upstream.requests.filter { $0.method == "GET" && $0.path.hasSuffix("\(layer.descriptor.digest)") }
        }
    }

    private static func with(_ body: (Stage) async throws -> Void) async throws {
        try await ScriptedRegistry.with { upstream async throws in
            upstream.load(image, repository: repository, tag: "1")
            try await Workspace.with { workspace async throws in
                try workspace.configure(Entry(upstream.place("up/app"), to: "127.0.0.1:1/down", Entry.all))
                try await body(Stage(upstream: upstream, workspace: workspace))
            }
        }
    }

    @Test(
        "A part of a blob that comes is sent to its end once the whole is right, and never before",
        arguments: [true, false]
    )
    func part(isRight: Bool) async throws {
        try await Self.with { stage async throws in
            if !isRight { stage.upstream.script(.init("GET", .blobs, times: nil), .corruptByte(at: Self.size - 9)) }
            try await stage.serve { server async throws in
                _ = try await server.client.get("\(stage.path)manifests/1")
                let answer = try await RawConnection.with(to: server.host) { connection async throws in
                    connection.send(server.client.head("GET", stage.blob, ["Range": "bytes=1000-1999"]))
                    return RawAnswer(try await connection.waitForEnd())
                }
                #expect(answer.status == 206)
                let part = Self.layer.source.buffer.getSlice(at: 1000, length: 1000)
                #expect(isRight ? answer.body == part : answer.body.readableBytes == 0)
            }
        }
    }

    @Test("A hundred clients of one blob that comes slowly cause one request, and each gets all of it while it comes")
    func hundredClients() async throws {
        try await Self.with { stage in
            let valve = Valve(bytes: 1 << 20)
            stage.upstream.script(.init("GET", .blob(Self.layer.descriptor.digest), times: nil), .trickle(valve))
            try await stage.serve("--max-connections", "200") { server in
                _ = try await server.client.get("\(stage.path)manifests/1")
                let expected = Self.layer.source.buffer
                let begun = Watched(0)
                try await withThrowingTaskGroup(of: Bool.self) { group in
                    for number in 0..<100 {
                        let start = number % 4 * 5_000_000
                        group.addTask {
                            try await RawConnection.with(to: server.host) { connection in
                                let headers: HeaderList = start > 0 ? ["Range": "bytes=\(start)-"] : [:]
                                connection.send(server.client.head("GET", stage.blob, headers))
                                if start == 0 {
                                    try await connection.wait { $0.bytes.readableBytes > 100_000 }
                                    begun.update { $0 += 1 }
                                }
                                let answer = RawAnswer(try await connection.waitForEnd())
                                let part = expected.getSlice(at: start, length: Self.size - start)
                                return answer.status == (start > 0 ? 206 : 200) && answer.body == part
                            }
                        }
                    }
                    // Every client that reads from the beginning has some of it, although the rest has not come.
                    try await begun.wait { $0 == 25 }
                    #expect(valve.isNarrow)
                    valve.open()
                    for try await isRight in group { #expect(isRight) }
                }
                // What comes so slowly may come in parts, each over a connection of its own.
                let asked = stage.blobRequests.map { $0.headers["Range"] ?? "" }
                #expect(Set(asked).count == asked.count)
                let again = try await server.client.get(stage.blob)
                #expect(again.body == expected)
                #expect(stage.blobRequests.count == asked.count)
            }
            #expect(try CacheFiles(path: stage.workspace.cache).wrongBlobs() == [])
        }
    }

    @Test("A server that is told to stop while something comes blames nobody for it, and promises no other try")
    func stopping() async throws {
        try await Self.with { stage in
            let valve = Valve(bytes: 2 << 20)
            stage.upstream.script(.init("GET", .blob(Self.layer.descriptor.digest), times: nil), .trickle(valve))
            let ended = try await stage.serve { server in
                _ = try await server.client.get("\(stage.path)manifests/1")
                try await RawConnection.with(to: server.host) { connection in
                    connection.send(server.client.head("GET", stage.blob, [:]))
                    try await connection.wait { $0.bytes.readableBytes > 1 << 20 }
                }
                return server
            }
            #expect(ended.log.contains { $0.contains("stopped") })
            #expect(!ended.log.contains { $0.contains("WARN") || $0.contains("warning") })
        }
    }

    @Test("When the upstream breaks off for good clients get a short body, and the next request continues from there")
    func brokenUpstream() async throws {
        try await Self.with { stage in
            let match = RequestMatch("GET", .blob(Self.layer.descriptor.digest), times: 1)
            stage.upstream.script(match, .close(afterBytes: 7_000_000))
            stage.upstream.script(
                .init("GET", .blob(Self.layer.descriptor.digest), times: nil),
                .status(500)
            )
            try await stage.serve { server in
                _ = try await server.client.get("\(stage.path)manifests/1")
                let answers = try await withThrowingTaskGroup(of: RawAnswer.self) { group in
                    for _ in 0..<10 { group.addTask { try await server.client.get(stage.blob) } }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                let expected = Self.layer.source.buffer
                for answer in answers where answer.status == 200 {
                    #expect(answer.headers["Content-Length"] == "\(Self.size)")
                    #expect(answer.body.readableBytes < Self.size)
                    #expect(answer.body == expected.getSlice(at: 0, length: answer.body.readableBytes))
                }
                #expect(answers.contains { $0.status == 200 })
                #expect(try !CacheFiles(path: stage.workspace.cache).digests().contains(Self.layer.descriptor.digest))
                stage.upstream.removeScript()
                #expect(try await server.client.get(stage.blob).body == expected)
                let last = try #require(stage.blobRequests.last)
                let range = try #require(last.headers["Range"])
                #expect(range.hasPrefix("bytes=") && range != "bytes=0-")
            }
        }
    }

    @Test("A server that is killed in the middle of a download continues it when it is back")
    func killed() async throws {
        try await Self.with { stage in
            let valve = Valve(bytes: 9 << 20)
            stage.upstream.script(.init("GET", .blob(Self.layer.descriptor.digest), times: 1), .trickle(valve))
            try await stage.serve { server in
                _ = try await server.client.get("\(stage.path)manifests/1")
                try await RawConnection.with(to: server.host) { connection in
                    connection.send(server.client.head("GET", stage.blob))
                    try await connection.wait { $0.bytes.readableBytes > 8 << 20 }
                    try await server.kill()
                }
            }
            let kept = try CacheFiles(path: stage.workspace.cache).partials().count
            #expect(kept == 1)
            try await stage.serve { server in
                #expect(try await server.client.get(stage.blob).body == Self.layer.source.buffer)
                let last = try #require(stage.blobRequests.last?.headers["Range"])
                let start = try #require(Int(last.dropFirst("bytes=".count).dropLast()))
                #expect(start > 8 << 20)
            }
        }
    }

    @Test("An image comes through in all three ways of naming it, and again when the upstream is gone")
    func threeNames() async throws {
        try await Self.with { stage in
            try await stage.serve("--tag-ttl", "0s") { server in
                let bytes = Self.image.topBytes
                let prefixed = try await server.client.get("\(stage.path)manifests/1")
                #expect(prefixed.status == 200 && prefixed.body == bytes)
                let named = try await server.client.get("/v2/up/app/manifests/1\(stage.namespace)")
                #expect(named.body == bytes && named.headers["OCI-Namespace"] == stage.upstream.host.description)
                let digest = Self.image.blobs[0].descriptor.digest
                let config = try await server.client.get("/v2/up/app/blobs/\(digest)\(stage.namespace)")
                #expect(config.body == Self.image.blobs[0].source.buffer)
                #expect(try await server.client.get(stage.blob).status == 200)
                #expect(try await server.client.get("\(stage.path)tags/list").status == 200)
                stage.upstream.script(.init(times: nil), .status(503))
                let stale = try await server.client.get("\(stage.path)manifests/1")
                #expect(stale.body == bytes)
                #expect(stale.headers["Warning"] == "110 - \"Response is Stale\"")
                #expect(try await server.client.get(stage.blob).body == Self.layer.source.buffer)
                let tags = try await server.client.get("\(stage.path)tags/list")
                #expect(tags.text.contains("\"tags\":[\"1\"]") && tags.headers["Warning"] != nil)
            }
        }
    }

    @Test("Failures of the upstream are told as such, what it lacks as missing, and nobody else is ever asked")
    func failures() async throws {
        try await Self.with { stage in
            try await ScriptedRegistry.with { stranger async throws in
                stranger.load(Self.image, repository: Self.repository, tag: "1")
                try await stage.serve { server in
                    #expect(try await server.client.get("\(stage.path)manifests/none").status == 404)
                    let foreign = try await server.client.get("/v2/up/app/manifests/1?ns=\(stranger.host)")
                    #expect(foreign.status == 404)
                    #expect(stranger.requests.isEmpty)
                    stage.upstream.script(.init(times: nil), .status(502))
                    #expect(try await server.client.get("\(stage.path)manifests/1").status == 502)
                    stage.upstream.removeScript()
                    stage.upstream.script(.init(times: nil), .error(403, "DENIED"))
                    #expect(try await server.client.get("\(stage.path)manifests/1").status == 403)
                    stage.upstream.removeScript()
                    stage.upstream.script(
                        .init(times: nil),
                        .error(429, "TOOMANYREQUESTS", headers: ["Retry-After": "3"])
                    )
                    let limited = try await server.client.get("\(stage.path)manifests/1")
                    #expect(limited.status == 429)
                    #expect(limited.headers["Retry-After"] == "3")
                    #expect(limited.text.contains("does not say whether"))
                    stage.upstream.removeScript()
                    // It holds for every request, and is over when its time is.
                    let asked = stage.upstream.requests.count
                    var answer = try await server.client.get("\(stage.path)tags/list")
                    #expect(answer.status == 429 && stage.upstream.requests.count == asked)
                    while answer.status == 429 { answer = try await server.client.get("\(stage.path)manifests/1") }
                    #expect(answer.status == 200)
                }
            }
        }
    }
}
