import NIOCore
import OCI
import TestSupport
import Testing

/// What a hostile client can take from `imglife serve`; `Benchmarks/serve-bounds` asks for more of the same.
@Suite(.timeLimit(.minutes(10)))
struct ServeBoundsTests {
    private static let image = SampleImage.image(layers: [.init(seed: 5, size: 30_000_000)])
    private static var layer: String { "/v2/app/blobs/\(image.blobs[1].descriptor.digest)" }

    /// Serves a cache with one image; the process's number is in `pid`.
    private static func serving<R: Sendable>(
        _ limit: String,
        _ arguments: String...,
        body: @Sendable (Workspace, ServingProgram) async throws -> R
    ) async throws -> R {
        try await Workspace.mirroring(image) { workspace async throws in
            let launcher = ["sh", "-c", "\(limit); echo $$ >pid; exec \"$0\" \"$@\""]
            return try await ServingProgram.with(workspace, arguments, launcher: launcher) { server in
                try await body(workspace, server)
            }
        }
    }

    /// Holds connections that have sent something and read nothing, while a closure runs.
    private static func holding<R: Sendable>(
        _ count: Int,
        at host: RegistryHost,
        sending greeting: String = "",
        then more: [ByteBuffer] = [],
        _ body: () async throws -> R
    ) async throws -> R {
        let held = Watched(0)
        let isOver = Watched(false)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<count {
                group.addTask {
                    try await RawConnection.with(to: host, greeting: greeting, pauses: true) { connection in
                        for piece in more { connection.send(piece) }
                        held.update { $0 += 1 }
                        try await isOver.wait { $0 }
                    }
                }
            }
            try await held.wait { $0 == count }
            let result: Result<R, any Error>
            do { result = .success(try await body()) } catch { result = .failure(error) }
            isOver.update { $0 = true }
            try await group.waitForAll()
            return try result.get()
        }
    }

    /// The most memory that a process has had, in MiB.
    private static func peak(_ workspace: Workspace) throws -> Int {
        let number = String(buffer: try Files.read("\(workspace.path)/pid")).filter(\.isNumber)
        let status = String(buffer: try Files.read("/proc/\(number)/status"))
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
        return try #require(Int(line.filter(\.isNumber))) / 1024
    }

    @Test("Who sends heads without end and reads no answer makes the server take no memory for them")
    func pipelinedHeads() async throws {
        try await Self.serving(":") { workspace, server in
            let head = "GET /v2/ HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "x", count: 20_000))\r\n\r\n"
            let heads = ByteBuffer(string: String(repeating: head, count: 50))
            let first = "GET \(Self.layer) HTTP/1.1\r\nHost: a\r\n\r\n"
            try await Self.holding(
                64,
                at: server.host,
                sending: first,
                then: Array(repeating: heads, count: 5)
            ) { () async throws in
                var before = 0
                var after = try Self.peak(workspace)
                // Until it has taken all that it takes.
                while after > before, after <= 150 {
                    for _ in 0..<10 { #expect(try await server.client.get("/healthz").status == 200) }
                    before = after
                    after = try Self.peak(workspace)
                }
                #expect(after <= 150, "\(after) MiB")
            }
        }
    }

    @Test("The usual soft limit of open files is raised: many connections leave room for more")
    func softLimit() async throws {
        try await Self.serving("ulimit -S -n 256", "--max-connections", "600") { _, server in
            try await Self.holding(60, at: server.host) { () async throws in
                for uri in Array(repeating: Self.layer, count: 2) + Array(repeating: "/readyz", count: 4) {
                    #expect(try await server.client.get(uri).status == 200)
                }
            }
        }
    }

    @Test("Where the limit cannot be raised a crowd is told to come back, and all is well when it has left")
    func hardLimit() async throws {
        try await Self.serving("ulimit -n 256", "--max-connections", "600") { _, server in
            try await Self.holding(60, at: server.host) { () async throws in
                let answer = try await server.client.get("/readyz")
                #expect([0, 503].contains(answer.status))
            }
            var status = 0
            // It may hear of the end of so many connections a little later than they do.
            while status != 200 {
                try Task.checkCancellation()
                status = try await server.client.get("/readyz").status
            }
            #expect(try await server.client.get(Self.layer).body == Self.image.blobs[1].source.buffer)
            #expect(!server.log.contains { $0.contains("ERROR") })
        }
    }
}
