import Glibc
import NIOCore
import OCI
import TestSupport
import Testing

/// Runs that are killed, stopped or doubled in the middle of a large blob.
@Suite(.timeLimit(.minutes(10)))
struct InterruptionTests {
    private static let size = 64 << 20
    private static let image = SampleImage.image(layers: [.init(seed: 77, size: size)])
    private static let layer = image.blobs[1].descriptor.digest

    /// An upstream that stops in the middle of its large layer, and what mirrors it.
    private static func stalling(
        after count: Int = size / 2,
        _ body: (Workspace, _ registry: ScriptedRegistry, Valve) async throws -> Void
    ) async throws {
        try await ScriptedRegistry.with { registry async throws in
            var options = RegistryOptions()
            options.keepsUploadedBytes = false
            // Source and target are one registry here; all bytes shall pass through the cache.
            options.mounts = false
            registry.options = options
            registry.load(image, repository: "up/app", tag: "1")
            let valve = Valve(bytes: count)
            registry.script(.init("GET", .blob(layer)), .trickle(valve))
            try await Workspace.with { workspace async throws in
                // What stands still must not come over another connection.
                try workspace.configure(
                    Entry(registry.place("up/app"), to: registry.place("down/app"), "tag: '1'"),
                    head: oneConnection(to: registry)
                )
                try await body(workspace, registry, valve)
            }
        }
    }

    private static func oneConnection(to registry: ScriptedRegistry) -> String {
        "registries:\n  '\(registry.host)': {max_connections: 1}\n"
    }

    /// Waits until the partial download has grown to the stalled length.
    private static func waitForPartial(_ workspace: Workspace, _ valve: Valve, length: Int) async throws {
        try await valve.waitForStalls()
        let path = "\(workspace.cache)/ingest/sha256-\(layer.hex)"
        // The bytes are on their way from the socket to the file: nothing tells when they have arrived but the file.
        while true {
            var status = stat()
            if stat(path, &status) == 0, status.st_size >= length { return }
            try Task.checkCancellation()
            await Task.yield()
        }
    }

    private static func check(_ result: ToolResult, _ registry: ScriptedRegistry, _ workspace: Workspace) throws {
        #expect(result.status == 0, "\(result.output)\(result.errors)")
        #expect(registry.store.digest(of: "1", in: "down/app") == image.digest)
        #expect(registry.store.blob(layer, in: "down/app")?.count == size)
        let files = CacheFiles(path: workspace.cache)
        #expect(try files.wrongBlobs() == [])
        #expect(try files.partials() == [])
        #expect(try files.images() == [registry.place("up/app") + ":1": image.digest])
        #expect(try files.hasLayoutMarker())
    }

    private static func bytesSent(_ registry: ScriptedRegistry) -> Int {
        registry.requests.filter { $0.method == "GET" && $0.path.hasSuffix("\(layer)") }.reduce(0) { $0 + $1.bytesSent }
    }

    @Test("A log that nobody reads keeps no run from hearing a signal", .requires(.tool("mkfifo")))
    func unreadLog() async throws {
        try await ScriptedRegistry.with { registry async throws in
            registry.script(.init("GET", .manifests, times: nil), .status(500))
            registry.load(.image(), repository: "up/app", tag: "1")
            try await Workspace.with { workspace async throws in
                try workspace.configure(Entry(registry.place("up/app"), to: registry.place("down/app"), "tag: '1'"))
                let full = "mkfifo log; exec 3<>log; head -c 65536 /dev/zero >&3; exec 2>&3"
                let result = try await workspace.interrupting(after: full, logging: "warning") { program async throws in
                    // What it says of the refusal is the first that nobody reads.
                    try await registry.waitForRequests { !$0.isEmpty }
                    try program.send(SIGTERM)
                }
                #expect(result.status == 143, "\(result.errors)")
            }
        }
    }

    @Test(
        "A run that was killed, stopped or interrupted is continued where it was",
        arguments: [(SIGKILL, 137), (SIGTERM, 143), (SIGINT, 130)]
    )
    func continued(_ signal: CInt, _ status: Int) async throws {
        try await Self.stalling { workspace, registry, valve async throws in
            let first = try await workspace.interrupting { program async throws in
                try await Self.waitForPartial(workspace, valve, length: Self.size / 2)
                try program.send(signal)
            }
            #expect(first.status == status, "\(first.errors)")
            #expect(first.lines.last?.hasPrefix("Interrupted: 1 tag") == (signal == SIGKILL ? nil : true))
            if signal != SIGKILL {
                #expect(first.errors.contains("partial downloads are kept"))
                // What has come of an image that is not finished counts as well.
                #expect(first.output.contains(/Downloaded 3[12]\.[0-9] MiB/), "\(first.output)")
            }
            let files = CacheFiles(path: workspace.cache)
            #expect(try files.hasLayoutMarker())
            #expect(try files.images() == [:])
            #expect(try files.wrongBlobs() == [])
            #expect(registry.store.tags(of: "down/app").isEmpty)

            let second = try await workspace.run("sync", "--progress", "none")
            try Self.check(second, registry, workspace)
            #expect(Self.bytesSent(registry) <= Self.size + (64 << 10))
        }
    }

    @Test("A run that is stopped before anything arrived ends at once")
    func stoppedEarly() async throws {
        try await ScriptedRegistry.with { registry async throws in
            let gate = Gate()
            registry.script(.init(nil, .any, times: nil), .holdHead(gate))
            try await Workspace.with { workspace async throws in
                try workspace.configure(Entry(registry.place("up/app"), to: registry.place("down/app"), "tag: '1'"))
                let result = try await workspace.interrupting { program async throws in
                    try await gate.waitForArrivals()
                    try program.send(SIGTERM)
                }
                #expect(result.status == 143)
                #expect(result.lines.last?.hasPrefix("Interrupted: ") == true)
            }
            gate.open()
        }
    }

    @Test("A run that is stopped while it waits for the end-of-life service tells what it has come to")
    func stoppedBeforeFigures() async throws {
        try await Mirror.with { mirror async throws in
            let gate = Gate()
            let service = mirror.upstream
            service.script(.init("GET", .exactly("/api/alpine.json"), times: nil), .holdHead(gate))
            let tracked = "lifecycle: {product: alpine, track: minor}"
            let entry = Entry(service.place("up/app"), to: mirror.target.place("down/app"), "tag: '1'", tracked)
            try mirror.workspace.configure(entry, head: "lifecycle: {eol_url: '\(service.url)'}\n")
            let result = try await mirror.workspace.interrupting("--metrics-file m.prom") { program async throws in
                try await gate.waitForArrivals()
                try program.send(SIGINT)
            }
            #expect(result.status == 130)
            #expect(result.counts == [1, 1, 0, 0], "\(result.output)\(result.errors)")
            let metrics = try Files.text("\(mirror.workspace.path)/m.prom")
            #expect(metrics.contains(#"imglife_sync_tags{status="synced"} 1"#), "\(metrics)")
            gate.open()
        }
    }

    @Test("Two runs on one cache download a blob once")
    func together() async throws {
        try await Self.stalling(after: 1 << 20) { workspace, registry, valve async throws in
            try Self.configureSecond(workspace, registry)
            async let first = workspace.run("sync", "--progress", "none")
            try await valve.waitForStalls()
            async let second = workspace.run("sync", "--config", "second.yaml", "--progress", "none")
            // The second has read the manifest and has nothing left to ask of upstream but the layer.
            try await registry.waitForRequests { requests in
                requests.count { $0.path.hasSuffix("/blobs/uploads/") && $0.path.contains("second") } >= 2
            }
            valve.open()
            let results = try await [first, second]
            for result in results { #expect(result.status == 0, "\(result.output)\(result.errors)") }
            #expect(registry.store.digest(of: "1", in: "down/app") == Self.image.digest)
            #expect(registry.store.digest(of: "1", in: "second/app") == Self.image.digest)
            let fetches = RequestLog(registry).blobFetches
            #expect(fetches.values.allSatisfy { $0 == 1 }, "\(fetches)")
            #expect(try CacheFiles(path: workspace.cache).wrongBlobs() == [])
        }
    }

    @Test("When the run that downloads is killed, the one that waits goes on from there")
    func survivor() async throws {
        try await Self.stalling { workspace, registry, valve async throws in
            try Self.configureSecond(workspace, registry)
            async let first = workspace.interrupting { program async throws in
                try await Self.waitForPartial(workspace, valve, length: Self.size / 2)
                try await registry.waitForRequests { requests in
                    requests.count { $0.path.hasSuffix("/blobs/uploads/") && $0.path.contains("second") } >= 2
                }
                try program.send(SIGKILL)
            }
            try await valve.waitForStalls()
            let second = try await workspace.run("sync", "--config", "second.yaml", "--progress", "none")
            #expect(try await first.status == 137)
            #expect(second.status == 0, "\(second.output)\(second.errors)")
            #expect(registry.store.digest(of: "1", in: "second/app") == Self.image.digest)
            #expect(Self.bytesSent(registry) <= Self.size + (64 << 10))
            #expect(try CacheFiles(path: workspace.cache).wrongBlobs() == [])
        }
    }

    /// A second configuration with the same source and cache and another target.
    private static func configureSecond(_ workspace: Workspace, _ registry: ScriptedRegistry) throws {
        let entry = Entry(registry.place("up/app"), to: registry.place("second/app"), "tag: '1'")
        let text = "\(oneConnection(to: registry))sync:\n  entries:\n\(entry.text)"
        try Files.write(text, to: "\(workspace.path)/second.yaml")
    }
}
