import Glibc
import OCI
import TestSupport
import Testing

/// `imglife serve` as clients of registries use it.
@Suite(.timeLimit(.minutes(10)))
struct ServeTests {
    private static let image = SampleImage.multiPlatform(layerSize: 200_000)

    /// Mirrors an image of Docker Hub, as far as the program knows, and serves the cache meanwhile.
    private static func serving(
        _ options: String = "",
        _ body: @escaping @Sendable (Workspace, RegistryHost, RunningProgram) async throws -> Void
    ) async throws -> ToolResult {
        try await Workspace.mirroring(image) { workspace in try await workspace.serving(options, body) }
    }

    @Test("skopeo copies and lists by every way of naming a repository", .requires(.tool("skopeo")))
    func skopeo() async throws {
        let result = try await Self.serving { workspace, host, program async throws in
            for (number, name) in ["docker.io/library/app", "library/app", "app"].enumerated() {
                let tags = try await Skopeo.run(["list-tags", "--tls-verify=false", "docker://\(host)/\(name)"])
                #expect(tags.status == 0 && tags.output.contains("\"1\""), "\(tags.errors)")
                let target = "\(workspace.path)/copy\(number)"
                try await Skopeo.copy("docker://\(host)/\(name):1", "oci:\(target):x")
                #expect(try await Skopeo.inspectRaw("oci:\(target):x", options: []) == Self.image.topBytes)
                for part in Self.image.blobs {
                    #expect(
                        try Files.read("\(target)/blobs/sha256/\(part.descriptor.digest.hex)") == part.source.buffer
                    )
                }
            }
            let answer = try await RawClient(host).get("/v2/library/app/manifests/1?ns=docker.io")
            #expect(answer.body == Self.image.topBytes && answer.headers["OCI-Namespace"] == "docker.io")
            try program.send(SIGTERM)
        }
        #expect(result.status == 0 && result.output.isEmpty, "\(result.errors)")
    }

    @Test("A HUP does not end it, INT does, in order")
    func signals() async throws {
        let result = try await Self.serving { _, host, program async throws in
            try program.send(SIGHUP)
            #expect(try await RawClient(host).get("/readyz").status == 200)
            try program.send(SIGINT)
        }
        #expect(result.status == 0, "\(result.errors)")
    }

    @Test("It serves an empty cache without a configuration")
    func withoutConfiguration() async throws {
        let result = try await Workspace.with { workspace async throws in
            try await workspace.serving("--cache-dir cache") { _, host, program async throws in
                #expect(try await RawClient(host).get("/v2/_catalog").text == "{\"repositories\":[]}\n")
                try program.send(SIGTERM)
            }
        }
        #expect(result.status == 0, "\(result.errors)")
    }

    @Test(
        "What cannot be served with is told",
        arguments: [
            ("--listen nonsense", 64), ("--tls-cert x", 64), ("--max-connections 0", 64), ("--htpasswd /nowhere", 1),
            ("--htpasswd x --allow-anonymous", 64), ("--tls-cert /nowhere --tls-key /nowhere", 1),
        ]
    )
    func badOptions(options: String, status: Int) async throws {
        let result = try await Workspace.with { workspace async throws in
            try await workspace.shell("exec \"$imglife\" --cache-dir cache serve --listen 127.0.0.1:0 \(options)")
        }
        #expect(result.status == status && result.output.isEmpty && !result.errors.isEmpty, "\(result.errors)")
    }
}

extension Workspace {
    /// Hands over a workspace whose cache has an image of Docker Hub, as far as the program knows: `library/app:1`.
    static func mirroring<R>(_ image: SampleImage, _ body: (Workspace) async throws -> R) async throws -> R {
        try await ScriptedRegistry.with { registry async throws in
            registry.load(image, repository: "library/app", tag: "1")
            return try await Workspace.with { workspace async throws in
                let place = "docker.io: {endpoint: 'http://\(registry.host)', plain_http: true}"
                try workspace.configure(
                    Entry("docker.io/library/app", to: registry.place("down/app"), "tag: '1'"),
                    head: "registries:\n  \(place)\n"
                )
                try #require(await workspace.run("sync", "--progress", "none").status == 0)
                return try await body(workspace)
            }
        }
    }

    /// Runs `serve` on a free port while a closure runs that gets its address and a way to signal it.
    ///
    /// - Returns: what the program came to; when it ended before it listened, the closure does not run.
    func serving(
        _ options: String,
        _ body: @escaping @Sendable (Workspace, RegistryHost, RunningProgram) async throws -> Void
    ) async throws -> ToolResult {
        let running = RunningProgram(file: "\(path)/pid")
        let command = "echo $$ >pid; exec \"$imglife\" serve --listen 127.0.0.1:0 \(options) 2>log"
        // The log is looked at until it tells the address, or the program is gone. The number is read once: what is
        // empty at one look may be there at the next.
        let address = """
            until grep -o 'address=[^ ]*' log; do
                pid=$(cat pid); [ -z "$pid" ] || kill -0 "$pid" || exit; sleep 0.05
            done 2>&-
            """
        return try await withThrowingTaskGroup(of: ToolResult?.self) { group in
            group.addTask { try await shell(command) }
            group.addTask {
                let line = try await shell(address).output
                guard let host = try? RegistryHost(line.dropFirst("address=".count).filter { $0 != "\n" }) else {
                    return nil
                }
                try await body(self, host, running)
                return nil
            }
            var result: ToolResult?
            for try await outcome in group { result = outcome ?? result }
            return try #require(result)
        }
    }
}
