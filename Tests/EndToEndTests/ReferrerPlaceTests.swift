import OCI
import TestSupport
import Testing

/// What refers to an image belongs to the repository that lists it, although another one holds the same image.
@Suite(.timeLimit(.minutes(10)))
struct ReferrerPlaceTests {
    private static let image = SampleImage.multiPlatform(seed: 31)
    private static let signature = SampleImage.artifact(of: image.top, content: "of other")

    /// With the same image in two repositories, one of which has a signature of it; both have been mirrored.
    private static func mirrored(
        _ body: (Workspace, _ upstream: ScriptedRegistry, _ target: ScriptedRegistry) async throws -> Void
    ) async throws {
        var configuration = ScriptedRegistry.Configuration()
        configuration.options.referrersAPI = true
        try await ScriptedRegistry.with(configuration) { upstream async throws in
            for repository in ["up/pub", "up/other"] as [RepositoryName] {
                upstream.load(image, repository: repository, tag: "1")
            }
            upstream.load(signature, repository: "up/other")
            try await ScriptedRegistry.with(configuration) { target async throws in
                try await Workspace.with { workspace async throws in
                    try workspace.configure(
                        Entry(upstream.place("up/pub"), to: target.place("pub"), "tag: '1'", "referrers: true"),
                        Entry(upstream.place("up/other"), to: target.place("other"), "tag: '1'", "referrers: true")
                    )
                    let result = try await workspace.run("sync")
                    #expect(result.status == 0, "\(result.errors)")
                    try await body(workspace, upstream, target)
                }
            }
        }
    }

    private static func expectInPlace(
        _ target: ScriptedRegistry,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        for repository in ["pub", "other"] as [RepositoryName] {
            let holdsImage = target.store.holds(image, repository: repository)
            #expect(holdsImage, sourceLocation: sourceLocation)
        }
        let isAtOther = target.store.holds(signature, repository: "other")
        #expect(isAtOther, sourceLocation: sourceLocation)
        #expect(target.store.manifest(signature.digest, in: "pub") == nil, sourceLocation: sourceLocation)
    }

    @Test("It is pushed there alone, from the source and from the cache")
    func pushed() async throws {
        try await Self.mirrored { workspace, _, target async throws in
            Self.expectInPlace(target)
            for name in target.store.repositories { target.store.remove(try RepositoryName(name)) }
            let result = try await workspace.run("sync", "--offline")
            #expect(result.status == 0, "\(result.errors)")
            Self.expectInPlace(target)
        }
    }

    @Test("It is exported with that repository alone, and imported as its", arguments: ["pub", "other"])
    func exported(name: String) async throws {
        try await Self.mirrored { workspace, upstream, target async throws in
            let command = "export --offline --progress none --entry '*/up/\(name)' -o a.tar"
            let result = try await workspace.shell("\"$imglife\" \(command)")
            #expect(result.status == 0, "\(result.errors)")
            let blobs = try await ExportTests.unpack("a.tar", in: workspace).filter { $0.hasPrefix("blobs/") }
            #expect(blobs.contains("blobs/sha256/\(Self.signature.digest.hex)") == (name == "other"))
            for name in target.store.repositories { target.store.remove(try RepositoryName(name)) }
            let far = "exec \"$imglife\" --cache-dir far"
            let imported = try await workspace.shell("\(far) import a.tar --progress none")
            #expect(imported.status == 0, "\(imported.errors)")
            _ = try await workspace.shell("\(far) sync --offline")
            #expect(target.store.holds(Self.image, repository: try RepositoryName(name)))
            let pushed = target.store.manifest(Self.signature.digest, in: try RepositoryName(name))
            #expect((pushed != nil) == (name == "other"))
        }
    }
}
