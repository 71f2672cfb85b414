import OCI
import TestSupport
import Testing

/// How many requests a mirror costs.
@Suite(.timeLimit(.minutes(10)))
struct RequestEconomyTests {
    /// Six tags of one platform, which share one layer and have one of their own.
    private static let images = (1...6).map { number in
        SampleImage.image(
            layers: [.init(seed: 1, size: 30_000), .init(seed: UInt64(number) + 10, size: 3000)],
            labels: ["number": "\(number)"]
        )
    }

    private static func with(
        _ targets: [String],
        _ body: (Workspace, _ upstream: ScriptedRegistry, _ target: ScriptedRegistry) async throws -> Void
    ) async throws {
        try await ScriptedRegistry.with { upstream async throws in
            for (number, image) in images.enumerated() {
                upstream.load(image, repository: "up/app", tag: try TagName("1.\(number)"))
            }
            try await ScriptedRegistry.with { target async throws in
                try await Workspace.with { workspace async throws in
                    let entries = targets.map { name in
                        Entry(upstream.place("up/app"), to: target.place(name), Entry.all).text
                    }
                    try workspace.configure("sync:\n  entries:\n" + entries.joined())
                    try await body(workspace, upstream, target)
                }
            }
        }
    }

    @Test("A first mirror costs two requests for each new blob and one for each manifest at the target")
    func cold() async throws {
        try await Self.with(["down/app"]) { workspace, upstream, target async throws in
            let result = try await workspace.run("sync", "--progress", "none")
            #expect(result.counts == [6, 6, 0, 0], "\(result.errors)")
            let blobs = Set(Self.images.flatMap(\.blobs).map(\.descriptor.digest)).count
            #expect(target.count("POST") == blobs)
            #expect(target.count("PUT", pathContains: "/blobs/uploads/") == blobs)
            #expect(target.count("PUT", pathContains: "/manifests/") == 6)
            #expect(target.count("HEAD", pathContains: "/blobs/") == 0)
            #expect(target.requests.count <= 2 * blobs + 6 + 3, "\(target.transcript)")
            #expect(upstream.count("GET", pathContains: "/blobs/") == blobs)
            #expect(upstream.count(pathContains: "/manifests/") == 6)
            #expect(upstream.count(pathContains: "/tags/list") == 1)
            #expect(upstream.requests.count <= blobs + 6 + 3, "\(upstream.transcript)")
        }
    }

    @Test("A mirror with nothing to do costs one listing a side, and referrers at most one request a tag")
    func warm() async throws {
        try await Self.with(["down/app"]) { workspace, upstream, target async throws in
            for registry in [upstream, target] { registry.options.referrersAPI = true }
            for more in ["", "      referrers: true\n"] {
                let entry = Entry(upstream.place("up/app"), to: target.place("down/app"), Entry.all).text
                try workspace.configure("sync:\n  entries:\n" + entry + more)
                _ = try await workspace.run("sync", "--progress", "none")
                upstream.forgetRequests()
                target.forgetRequests()
                let result = try await workspace.run("sync", "--progress", "none")
                #expect(result.counts == [6, 0, 6, 0], "\(result.errors)")
                #expect(target.transcript == ["GET /v2/down/app/tags/list?n=1000"])
                #expect(upstream.count("GET", pathContains: "/tags/list") == 1)
                #expect(upstream.requests.count <= 1 + (more.isEmpty ? 0 : 6), "\(upstream.transcript)")
            }
        }
    }

    @Test("A second repository of one target gets mounts instead of pushes")
    func mounts() async throws {
        try await Self.with(["down/app", "down/copy"]) { workspace, upstream, target async throws in
            let result = try await workspace.run(
                "sync",
                "--progress",
                "none",
                environment: ["IMGLIFE_SYNC_PARALLELISM": "1"]
            )
            #expect(result.counts == [12, 12, 0, 0], "\(result.errors)")
            let blobs = Set(Self.images.flatMap(\.blobs).map(\.descriptor.digest)).count
            #expect(target.count("PUT", pathContains: "/blobs/uploads/") == blobs)
            #expect(target.requests.count { $0.method == "POST" && $0.query["mount"] != nil } == blobs)
            #expect(target.store.tags(of: "down/copy") == upstream.store.tags(of: "up/app"))
            #expect(upstream.count("GET", pathContains: "/blobs/") == blobs)
            #expect(upstream.count("GET", pathContains: "/manifests/") <= 12)
        }
    }

    @Test("A tag that is added later costs its own content alone")
    func increment() async throws {
        try await Self.with(["down/app"]) { workspace, upstream, target async throws in
            _ = try await workspace.run("sync", "--progress", "none")
            let image = SampleImage.image(layers: [.init(seed: 1, size: 30_000), .init(seed: 99, size: 3000)])
            upstream.load(image, repository: "up/app", tag: "1.9")
            upstream.forgetRequests()
            target.forgetRequests()
            let result = try await workspace.run("sync", "--progress", "none")
            #expect(result.counts == [7, 1, 6, 0])
            #expect(upstream.count("GET", pathContains: "/blobs/") == 2)
            #expect(upstream.requests.count <= 5, "\(upstream.transcript)")
            #expect(target.count("PUT", pathContains: "/blobs/uploads/") == 2)
            #expect(target.requests.count <= 10, "\(target.transcript)")
        }
    }
}
