import Glibc
import OCI
import TestSupport
import Testing

/// `imglife serve` whose disk fails.
@Suite(.timeLimit(.minutes(10)))
struct FailingStoreTests {
    private static let image = SampleImage.image(layers: [.init(seed: 91, size: 12 << 20)])

    private static func with(_ body: (Workspace, ScriptedRegistry) async throws -> Void) async throws {
        try await ScriptedRegistry.with { upstream async throws in
            upstream.load(image, repository: "up/app", tag: "1")
            try await Workspace.with { workspace async throws in
                try workspace.configure(Entry(upstream.place("up/app"), to: "127.0.0.1:1/down", Entry.all))
                // Makes the cache.
                try await ServingProgram.with(workspace, arguments) { _ in }
                try await body(workspace, upstream)
            }
        }
    }

    private static let arguments = ["--pull-through", "--cache-dir", "cache"]

    private static func environment(
        _ workspace: Workspace,
        _ fault: String,
        below directory: String = "cache"
    ) -> [String: String] {
        [
            "LD_PRELOAD": Tool.builtProduct("libFaultShim.so"), "FI_DIR": "\(workspace.path)/\(directory)", "FI": fault,
        ]
    }

    private static func pull(_ server: ServingProgram, _ upstream: ScriptedRegistry) async throws {
        let namespace = "?ns=\(upstream.host)"
        let manifest = try await server.client.get("/v2/up/app/manifests/1\(namespace)")
        #expect(manifest.body == image.topBytes)
        for blob in image.blobs {
            let answer = try await server.client.get("/v2/up/app/blobs/\(blob.descriptor.digest)\(namespace)")
            #expect(answer.status == 200 && answer.body == blob.source.buffer, "\(answer.status)")
        }
    }

    @Test("It ends once the disk has failed a write, says so, and the next one serves everything")
    func ends() async throws {
        try await Self.with { workspace, upstream async throws in
            let faults = Self.environment(workspace, "rename:\(EIO):1")
            try await ServingProgram.with(workspace, Self.arguments, environment: faults) { server async throws in
                let answer = try await server.client.get("/v2/up/app/manifests/1?ns=\(upstream.host)")
                #expect(answer.body == Self.image.topBytes)
                try await server.end()
                #expect(
                    server.log.contains { $0.contains("the cache has failed, so the server ends") },
                    "\(server.log)"
                )
                #expect(
                    server.log.contains { $0.hasPrefix("error: ") && $0.contains("check the disk") },
                    "\(server.log)"
                )
            }
            try await ServingProgram.with(workspace, Self.arguments) { try await Self.pull($0, upstream) }
        }
    }

    @Test("On a disk that has become read-only clients get what they ask for")
    func readOnly() async throws {
        try await Self.with { workspace, upstream async throws in
            let calls = ["allocate", "rename", "truncate", "unlink"]
            let faults = Self.environment(workspace, calls.map { "\($0):\(EROFS):1+" }.joined(separator: ","))
            try await ServingProgram.with(workspace, Self.arguments, environment: faults) { server async throws in
                for _ in 0..<3 { try await Self.pull(server, upstream) }
                #expect(server.log.contains { $0.contains("a blob is served, but not cached") }, "\(server.log)")
            }
        }
    }

    @Test("On a disk that tells of room and takes no bytes one client at most is cut off, and the next ones are not")
    func refusesBytes() async throws {
        try await Self.with { workspace, upstream async throws in
            let faults = Self.environment(workspace, "write:\(EDQUOT):1+", below: "cache/ingest")
            try await ServingProgram.with(workspace, Self.arguments, environment: faults) { server async throws in
                let layer = Self.image.blobs[1].descriptor
                _ = try? await server.client.get("/v2/up/app/blobs/\(layer.digest)?ns=\(upstream.host)")
                for _ in 0..<3 { try await Self.pull(server, upstream) }
                #expect(server.log.contains { $0.contains("a blob is served, but not cached") }, "\(server.log)")
                #expect(server.log.contains { $0.contains("raise the quota") }, "\(server.log)")
            }
        }
    }
}
