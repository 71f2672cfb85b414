import NIOCore
import OCI
import TestSupport
import Testing

/// Archives that other programs write.
@Suite(
    .requires(.tool("skopeo")),
    .timeLimit(.minutes(10))
)
struct ForeignArchiveTests {
    private static let image = SampleImage.multiPlatform(layerSize: 60_000)

    private static func with(_ body: (Workspace, CacheFiles, _ source: String) async throws -> Void) async throws {
        try await ScriptedRegistry.with { registry async throws in
            registry.load(image, repository: "up/app", tag: "1")
            try await Workspace.with { workspace async throws in
                let source = "docker://\(registry.place("up/app")):1"
                try await body(workspace, CacheFiles(path: "\(workspace.path)/store"), source)
            }
        }
    }

    @Test(
        "What skopeo copies to an archive or a directory has the registry's digest here",
        arguments: ["oci-archive", "oci"]
    )
    func layout(transport: String) async throws {
        try await Self.with { workspace, files, source async throws in
            try await Skopeo.copy(source, "\(transport):\(workspace.path)/a:example.com/x/app:1")
            let result = try await workspace.run("import", "a", "--cache-dir", "store", "--progress", "none")
            #expect(result.status == 0, "\(result.errors)")
            #expect(try files.images() == ["example.com/x/app:1": Self.image.digest])
            #expect(try files.wrongBlobs() == [])
        }
    }

    @Test("A tag alone needs --as")
    func bareTag() async throws {
        try await Self.with { workspace, files, source async throws in
            try await Skopeo.copy(source, "oci-archive:\(workspace.path)/a:3.20")
            let refused = try await workspace.run("import", "a", "--cache-dir", "store", "--progress", "none")
            #expect(refused.status == 1)
            #expect(refused.errors.contains("by the tag '3.20' alone; say which repository that is of with --as"))
            let named = try await workspace.run("import", "a", "--as", "example.com/y", "--cache-dir", "store")
            #expect(named.status == 0, "\(named.errors)")
            #expect(try files.images() == ["example.com/y:3.20": Self.image.digest])
        }
    }

    @Test("A docker archive's image has the same digest each time, and its layers are those of the image")
    func docker() async throws {
        try await Self.with { workspace, files, source async throws in
            let copy = ["--insecure-policy", "copy", "--src-tls-verify=false", "--override-arch", "amd64", source]
            try await Tool.check("skopeo", copy + ["docker-archive:\(workspace.path)/a:example.com/x/app:1"])
            let first = try await workspace.run("import", "a", "--cache-dir", "store", "--progress", "none")
            #expect(first.status == 0, "\(first.errors)")
            let again = try await workspace.run("import", "a", "--cache-dir", "store", "--progress", "none")
            #expect(again.output.contains("unchanged"), "\(again.output)\(again.errors)")
            #expect(try files.images().keys.sorted() == ["example.com/x/app:1"])
            #expect(try files.wrongBlobs() == [])
            let held = try files.digests()
            let layers = Self.image.blobs.filter { $0.descriptor.size == 60_000 }.map(\.descriptor.digest)
            #expect(held.isSuperset(of: layers.prefix(2)))
            let digest = try #require(try files.images()["example.com/x/app:1"])
            let back = ["inspect", "--raw", "oci:\(files.path):example.com/x/app:1"]
            let raw = ByteBuffer(bytes: try await Tool.check("skopeo", back).stdout)
            #expect(Digest.of(raw) == digest)
        }
    }
}
