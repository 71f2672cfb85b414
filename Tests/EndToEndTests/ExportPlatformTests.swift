import OCI
import TestSupport
import Testing

/// Exports of tags of which the cache holds other platforms than entries want.
@Suite(.timeLimit(.minutes(10)))
struct ExportPlatformTests {
    private static let image = ExportTests.index
    private static let single = ExportTests.single

    /// A source, and where it is mirrored to.
    private struct Sides {
        let workspace: Workspace
        let upstream: ScriptedRegistry
        let target: ScriptedRegistry

        /// Wants platforms of a tag that has two, and of an image for linux/amd64.
        func configure(_ platforms: String, referrers: Bool = false) throws {
            let entries = ["app", "single"].map {
                Entry(
                    upstream.place("up/\($0)"),
                    to: target.place($0),
                    "tag: '1'",
                    "platforms: [\(platforms)]",
                    "referrers: \(referrers)"
                )
            }
            try workspace.configure(entries[0], entries[1])
        }

        func sync() async throws {
            let result = try await workspace.run("sync", "--progress", "none")
            #expect(result.status == 0, "\(result.errors)")
            upstream.forgetRequests()
        }
    }

    private static func with(_ body: (Sides) async throws -> Void) async throws {
        try await ScriptedRegistry.with { upstream async throws in
            upstream.load(image, repository: "up/app", tag: "1")
            upstream.load(single, repository: "up/single", tag: "1")
            try await ScriptedRegistry.with { target async throws in
                try await Workspace.with { workspace async throws in
                    try await body(Sides(workspace: workspace, upstream: upstream, target: target))
                }
            }
        }
    }

    /// Has mirrored linux/amd64.
    private static func withHalf(_ body: (Workspace, ScriptedRegistry, Sides) async throws -> Void) async throws {
        try await with { sides async throws in
            try sides.configure("linux/amd64")
            try await sides.sync()
            try await body(sides.workspace, sides.upstream, sides)
        }
    }

    private static func export(_ workspace: Workspace, _ more: String...) async throws -> ToolResult {
        try await workspace.launch(
            [Workspace.program, "export", "-o", "a.tar", "--force", "--progress", "none"] + more
        )
    }

    private static func manifests(_ workspace: Workspace) async throws -> [Bool] {
        let names = try await ExportTests.unpack("a.tar", in: workspace)
        return image.manifests.dropLast().map { names.contains("blobs/sha256/\($0.descriptor.digest.hex)") }
    }

    @Test("An export after a sync has what each entry chooses of a tag, and asks nobody")
    func entries() async throws {
        try await Self.with { sides async throws in
            let (upstream, target) = (sides.upstream, sides.target)
            let entries = ["amd64", "arm64"].map {
                Entry(upstream.place("up/app"), to: target.place($0), "tag: '1'", "platforms: [linux/\($0)]")
            }
            try sides.workspace.configure(entries[0], entries[1])
            try await sides.sync()
            let result = try await Self.export(sides.workspace)
            #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
            #expect(upstream.requests.isEmpty)
            #expect(try await Self.manifests(sides.workspace) == [true, true])
        }
    }

    @Test("A platform that an entry has come to want is fetched, and one that an image does not have is told")
    func changed() async throws {
        try await Self.withHalf { workspace, upstream, sides async throws in
            #expect(try await Self.export(workspace).errors.isEmpty)
            #expect(upstream.requests.isEmpty)
            try sides.configure("linux/amd64, linux/arm64")
            for isKnown in [false, true] {
                upstream.forgetRequests()
                let result = try await Self.export(workspace)
                #expect(result.status == 0, "\(result.errors)")
                let told = result.errorLines.filter { $0.contains("images lack the platform linux/arm64") }
                #expect(told.count == 1 && told[0].contains(upstream.place("up/single:1")), "\(result.errors)")
                #expect(!result.errors.contains(upstream.place("up/app:1")), "\(result.errors)")
                #expect(try await Self.manifests(workspace) == [true, true])
                // The config and the layer that the other platform does not share.
                #expect(upstream.count("GET", pathContains: "/blobs/") == (isKnown ? 0 : 2))
                #expect(upstream.count("GET", pathContains: "up/single") == 0)
                #expect(upstream.requests.count == (isKnown ? 1 : 5), "\(upstream.transcript)")
            }
        }
    }

    @Test("What refers to a platform comes with it, also where the cache holds another one of the tag")
    func referrers() async throws {
        try await Self.withHalf { workspace, upstream, sides async throws in
            let signature = SampleImage.artifact(of: Self.image.manifests[1].descriptor)
            upstream.options.referrersAPI = true
            upstream.load(signature, repository: "up/app")
            try sides.configure("linux/amd64", referrers: true)
            let result = try await Self.export(workspace, "--platform", "linux/arm64", upstream.place("up/app:1"))
            #expect(result.status == 0, "\(result.errors)")
            let names = try await ExportTests.unpack("a.tar", in: workspace)
            for digest in [Self.image.manifests[1].descriptor.digest, signature.digest] {
                #expect(names.contains("blobs/sha256/\(digest.hex)"))
            }
        }
    }

    @Test("Where nobody can be asked, the platforms that entries want and the cache lacks are told")
    func offline() async throws {
        try await Self.withHalf { workspace, upstream, sides async throws in
            try sides.configure("linux/amd64, linux/arm64")
            let result = try await Self.export(workspace, "--offline")
            #expect(result.status == 0 && upstream.requests.isEmpty, "\(result.errors)")
            let told = result.errorLines.filter { $0.contains("images lack the platform linux/arm64") }
            #expect(told.count == 1 && told[0].contains(upstream.place("up/app:1")), "\(result.errors)")
        }
    }

    @Test("A tag that has moved on is exported as it is, where its image has no more of what is wanted")
    func movedOn() async throws {
        try await Self.withHalf { workspace, upstream, sides async throws in
            upstream.load(.image(labels: ["is": "newer"]), repository: "up/single", tag: "1")
            try sides.configure("linux/amd64, linux/arm64")
            let result = try await Self.export(workspace, upstream.place("up/single:1"))
            #expect(result.status == 0, "\(result.errors)")
            let names = try await ExportTests.unpack("a.tar", in: workspace)
            #expect(names.contains("blobs/sha256/\(Self.single.digest.hex)"))
        }
    }

    @Test("An index that is listed a thousand times, in each of several levels, is looked through once")
    func listedOften() async throws {
        try await Self.with { sides async throws in
            var nested = SampleImage.index(of: [Self.image])
            for _ in 0..<3 { nested = .index(of: Array(repeating: nested, count: 1000)) }
            sides.upstream.load(nested, repository: "up/nested", tag: "1")
            try sides.workspace.configure(
                Entry(sides.upstream.place("up/nested"), to: sides.target.place("nested"), "tag: '1'")
            )
            try await sides.sync()
            let result = try await Self.export(sides.workspace, "--offline", "--platform", "linux/amd64")
            #expect(result.status == 0, "\(result.errors)")
            #expect(try await Self.manifests(sides.workspace) == [true, false])
        }
    }
}
