import NIOCore
import OCI
import TestSupport
import Testing

/// Every shape of image that registries hold, byte for byte.
@Suite(.timeLimit(.minutes(10)))
struct ImageShapeTests {
    struct Shape: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let image: SampleImage
    }

    private static let index = SampleImage.multiPlatform()

    private static let shapes = [
        Shape(testDescription: "one platform", image: .image()),
        Shape(testDescription: "one platform in docker's types", image: .image(.docker)),
        Shape(testDescription: "an index", image: index),
        Shape(testDescription: "a manifest list", image: .multiPlatform(.docker)),
        Shape(testDescription: "an index of indexes", image: .index(of: [index, .index(of: [.image()])])),
        Shape(testDescription: "an empty index", image: .index(of: [])),
        Shape(testDescription: "attestations", image: .index(of: [.image(), .attestation(of: .image())])),
        Shape(testDescription: "an artifact with an empty config", image: .artifact(of: index.top)),
        Shape(testDescription: "no layers", image: .image(layers: [])),
        Shape(testDescription: "an empty layer", image: .image(layers: [.init(seed: 1, size: 0)])),
        Shape(
            testDescription: "the same layer twice",
            image: .image(layers: [.init(seed: 1, size: 5000), .init(seed: 2, size: 1), .init(seed: 1, size: 5000)])
        ),
        Shape(
            testDescription: "120 layers",
            image: .image(layers: (1...120).map { .init(seed: $0, size: 100 + Int($0)) })
        ),
    ]

    @Test("An image is the same at the target and complete in the cache", arguments: shapes)
    func mirrored(_ shape: Shape) async throws {
        try await Mirror.with(shape.image) { mirror async throws in
            try await mirror.expectSuccess()
            let everything = Set((shape.image.blobs + shape.image.manifests).map(\.descriptor.digest))
            #expect(try CacheFiles(path: mirror.workspace.cache).digests() == everything)
        }
    }

    @Test("SHA-512 blobs are kept and pushed under their digests; the manifest's bytes are the source's")
    func sha512() async throws {
        let image = SampleImage.image(algorithm: .sha512)
        try await Mirror.with(image) { mirror async throws in
            let result = try await mirror.workspace.run("sync", "--progress", "none")
            #expect(result.counts == [1, 1, 0, 0], "\(result.output)")
            #expect(mirror.target.store.blobs(of: "down/app") == Set(image.blobs.map(\.descriptor.digest)))
            #expect(mirror.target.store.manifest("1" as TagName, in: "down/app")?.bytes.buffer == image.topBytes)
            let files = CacheFiles(path: mirror.workspace.cache)
            #expect(try files.digests().isSuperset(of: image.blobs.map(\.descriptor.digest)))
            #expect(try files.wrongBlobs() == [])
        }
    }

    @Test("A real registry accepts every shape", .requires(.tool("docker-registry")))
    func realRegistry() async throws {
        let shapes = Self.shapes
        try await ScriptedRegistry.with { upstream async throws in
            for (number, shape) in shapes.enumerated() {
                upstream.load(shape.image, repository: "up/app", tag: try TagName("1.\(number)"))
            }
            try await ExternalRegistry.with { target async throws in
                try await Workspace.with { workspace async throws in
                    try workspace.configure(Entry(upstream.place("up/app"), to: target.place("down/app"), Entry.all))
                    let result = try await workspace.run("sync", "--progress", "none")
                    #expect(result.counts == [shapes.count, shapes.count, 0, 0], "\(result.output)")
                    for (number, shape) in shapes.enumerated() {
                        let answer = try await target.client.get(
                            "/v2/down/app/manifests/1.\(number)",
                            ["Accept": shape.image.top.mediaType.description]
                        )
                        #expect(answer.body == shape.image.topBytes, "\(shape.testDescription)")
                    }
                }
            }
        }
    }

    @Test("A registry is mirrored into itself by mounts, without a byte of a blob")
    func sameRegistry() async throws {
        try await ScriptedRegistry.with { registry async throws in
            let image = Mirror.smallImage
            registry.load(image, repository: "up/app", tag: "1")
            try await Workspace.with { workspace async throws in
                try workspace.configure(Entry(registry.place("up/app"), to: registry.place("down/app"), "tag: '1'"))
                let result = try await workspace.run("sync", "--progress", "none")
                #expect(result.counts == [1, 1, 0, 0], "\(result.output)")
                #expect(registry.store.digest(of: "1", in: "down/app") == image.digest)
                let isWhole = registry.store.holds(image, repository: "down/app")
                #expect(isWhole)
                #expect(registry.count("PUT", pathContains: "/blobs/") == 0, "\(registry.transcript)")
            }
        }
    }

    @Test("One platform of an index is mirrored alone, several as a smaller index")
    func platforms() async throws {
        let platforms = ["amd64", "arm64", "s390x"].map { Platform(os: "linux", architecture: $0) }
        try await Mirror.with(.multiPlatform(platforms: platforms)) { mirror async throws in
            let source = mirror.upstream.place("up/app")
            try mirror.workspace.configure(
                Entry(source, to: mirror.target.place("one"), "tag: '1'", "platforms: [linux/arm64]"),
                Entry(source, to: mirror.target.place("two"), "tag: '1'", "platforms: [linux/s390x, linux/amd64]"),
                Entry(source, to: mirror.target.place("none"), "tag: '1'", "platforms: [windows/amd64]"),
                Entry(source, to: mirror.target.place("some"), "tag: '1'", "platforms: [linux/amd64, linux/riscv64]")
            )
            let result = try await mirror.workspace.run("sync", "--progress", "none")
            #expect(result.status == 1)
            #expect(result.counts == [4, 3, 0, 1])
            #expect(result.failures.first?.contains("windows/amd64") == true, "\(result.output)")
            #expect(mirror.target.store.digest(of: "1", in: "one") == mirror.image.manifests[1].descriptor.digest)
            let bytes = try #require(mirror.target.store.manifest("1" as TagName, in: "two")?.bytes.buffer)
            guard case .index(let index) = try Manifest(bytes: bytes, contentType: .ociIndex).content else {
                Issue.record("no index")
                return
            }
            #expect(index.entries.map(\.platform) == [platforms[0], platforms[2]])
            #expect(result.errors.contains("linux/riscv64"))
            #expect(mirror.target.store.blobs(of: "one").count == 3)
        }
    }
}
