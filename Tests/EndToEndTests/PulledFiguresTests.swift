import NIOCore
import OCI
import TestSupport
import Testing

/// What is told of a cache that an ordinary pull-through has filled: one platform of many, and a download that broke off.
@Suite(.timeLimit(.minutes(10)))
struct PulledFiguresTests {
    private static let image = SampleImage.multiPlatform(layerSize: 300_000)
    private static let large = SampleImage.image(layers: [.init(seed: 9, size: 20 << 20)])
    private static var layer: SampleImage.Part { large.blobs[1] }

    private struct Stage: Sendable {
        let upstream: ScriptedRegistry
        let workspace: Workspace
        let server: ServingProgram

        func get(_ path: String) async throws -> RawAnswer {
            try await server.client.get("/v2/up/app/\(path)?ns=\(upstream.host)")
        }

        var partials: Int { get throws { try CacheFiles(path: workspace.cache).partials().count } }

        func collect() async throws {
            let result = try await workspace.run("cache", "gc", "--grace", "0s")
            #expect(result.status == 0, "\(result.errors)")
        }
    }

    private static func with(_ body: (Stage) async throws -> Void) async throws {
        try await ScriptedRegistry.with { upstream async throws in
            upstream.load(image, repository: "up/app", tag: "1")
            upstream.load(large, repository: "up/app", tag: "2")
            try await Workspace.with { workspace async throws in
                try Files.write(
                    "registries:\n  '\(upstream.host)': {plain_http: true}\n",
                    to: "\(workspace.path)/imglife.yaml"
                )
                try await ServingProgram.with(workspace, ["--pull-through"]) { server in
                    try await body(Stage(upstream: upstream, workspace: workspace, server: server))
                }
            }
        }
    }

    @Test("stats, the page and the metrics tell the same figures")
    func sameFigures() async throws {
        try await Self.with { stage in
            _ = try await stage.get("manifests/1")
            let child = Self.image.manifests[0]
            #expect(try await stage.get("manifests/\(child.descriptor.digest)").body == child.source.buffer)
            // The blobs of the first platform: its config and the two layers.
            let text = String(buffer: child.source.buffer)
            for blob in Self.image.blobs where text.contains(blob.descriptor.digest.hex) {
                #expect(try await stage.get("blobs/\(blob.descriptor.digest)").body == blob.source.buffer)
            }
            _ = try await stage.get("manifests/2")
            let blob = RequestMatch("GET", .blob(Self.layer.descriptor.digest), times: 1)
            stage.upstream.script(blob, .close(afterBytes: 7_000_000))
            stage.upstream.script(.init("GET", .blob(Self.layer.descriptor.digest), times: nil), .status(500))
            #expect(try await stage.get("blobs/\(Self.layer.descriptor.digest)").body.readableBytes < 20 << 20)
            // What nobody waits for is let go.
            while try await stage.server.client.get("/").text.contains("id=\"running\"") {
                try Task.checkCancellation()
            }

            let stats = try await stage.workspace.run("cache", "stats")
            let metrics = try await stage.server.client.get("/metrics").text
            let page = Self.words(try await stage.server.client.get("/").text)
            let exact = try await stage.workspace.run("cache", "stats", "--output", "json").output
            for (label, shown, key) in [
                ("Tags", "Tags", "tags"), ("Blobs", "Blobs", "blobs"),
                ("On disk", "On the disk", "bytes"),
                ("Saved by sharing", "Saved by sharing", "saved_bytes"),
                ("Interrupted downloads", "Interrupted downloads", "partials"),
                ("Their bytes", "Interrupted downloads 1,", "partial_bytes"),
            ] {
                let line = try #require(stats.output.split(separator: "\n").first { $0.hasPrefix("\(label)  ") })
                let value = line.dropFirst(label.count).drop { $0 == " " }
                #expect(page.contains("\(shown) \(value)"), "\(shown) \(value): \(page)")
                let number = try #require(exact.firstMatch(of: try Regex("\"\(key)\" ?: ?([0-9-]+)"))?[1].substring)
                #expect(metrics.contains("imglife_cache_\(key) \(number)\n"), "\(key) \(number): \(metrics)")
            }
            #expect(exact.contains("\"partials\":1") || exact.contains("\"partials\" : 1"), "\(exact)")
        }
    }

    /// A page's text, without its marks.
    private static func words(_ page: String) -> String {
        page.replacing(/<[^>]*>/, with: " ").replacing(/\s+/, with: " ").replacing("&nbsp;", with: " ")
    }

    @Test("Collecting leaves a download alone that is under way, and takes what is left of one that broke off")
    func partials() async throws {
        try await Self.with { stage in
            let uri = "blobs/\(Self.layer.descriptor.digest)"
            let valve = Valve(bytes: 9 << 20)
            let blob = RequestMatch("GET", .blob(Self.layer.descriptor.digest), times: 1)
            stage.upstream.script(blob, .trickle(valve))
            _ = try await stage.get("manifests/2")
            async let answer = stage.get(uri)
            try await valve.waitForStalls(1)
            try await stage.collect()
            #expect(try stage.partials == 1)
            valve.open()
            #expect(try await answer.body == Self.layer.source.buffer)
            let asked = stage.upstream.requests.filter { $0.path.hasSuffix("\(Self.layer.descriptor.digest)") }
                .map { $0.headers["Range"] ?? "" }
            #expect(Set(asked).count == asked.count)

            let other = Self.image.blobs[1]
            stage.upstream.script(.init("GET", .blob(other.descriptor.digest), times: 1), .close(afterBytes: 200_000))
            stage.upstream.script(.init("GET", .blob(other.descriptor.digest), times: nil), .status(500))
            _ = try await stage.get("manifests/1")
            _ = try await stage.get("blobs/\(other.descriptor.digest)")
            while try stage.partials == 1 {
                try Task.checkCancellation()
                try await stage.collect()
            }
            #expect(try stage.partials == 0)
            stage.upstream.removeScript()
            #expect(try await stage.get("blobs/\(other.descriptor.digest)").body == other.source.buffer)
        }
    }
}
