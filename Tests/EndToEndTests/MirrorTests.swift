import NIOCore
import OCI
import TestSupport
import Testing

/// Whole mirrors between real registries: every tag the same at both ends, every blob fetched once.
@Suite(
    .requires(.tool("docker-registry"), .tool("htpasswd"), .tool("openssl"), .tool("skopeo")),
    .timeLimit(.minutes(10))
)
struct MirrorTests {
    private static let amd64 = Platform(os: "linux", architecture: "amd64")
    private static let arm64 = Platform(os: "linux", architecture: "arm64", variant: "v8")

    /// Two platforms, whose first layers all images have in common.
    private static func image(_ number: UInt64) -> SampleImage {
        let children = [(amd64, 1), (arm64, 2)].map { platform, base in
            SampleImage.image(
                platform: platform,
                layers: [
                    .init(seed: UInt64(base), size: 300_000), .init(seed: 100 * number + UInt64(base), size: 5000),
                ]
            )
        }
        return .index(number % 2 == 0 ? .oci : .docker, of: children)
    }

    private struct Scene {
        let upstream: ExternalRegistry
        let plain: ExternalRegistry
        let secured: ExternalRegistry
        let workspace: Workspace
        let images: [TagName: SampleImage]

        /// What each place must hold.
        var places: [(ExternalRegistry, RepositoryName)] {
            [(plain, "mirror/app"), (plain, "mirror/tool"), (secured, "mirror/app")]
        }

        func log() async throws -> RequestLog { RequestLog(try await upstream.accessLog()) }
    }

    private static func with(_ body: (Scene) async throws -> Void) async throws {
        let certificates = try await TestCertificates.shared()
        let images = Dictionary(
            uniqueKeysWithValues: try (1...20).map { (try TagName("1.\($0)"), image(UInt64($0))) }
        )
        try await ExternalRegistry.with { upstream async throws in
            try await ExternalRegistry.with { plain async throws in
                try await ExternalRegistry.with(
                    tls: certificates.server,
                    htpasswd: ("me", "pw")
                ) { secured async throws in
                    for (tag, image) in images { try await upstream.push(image, repository: "up/app", tag: tag) }
                    try await upstream.push(image(1), repository: "up/tool", tag: "v1")
                    try await Workspace.with { workspace async throws in
                        var workspace = workspace
                        let prefix = "IMGLIFE_127_0_0_1_\(secured.host.port ?? 0)"
                        workspace.environment["\(prefix)_USERNAME"] = "me"
                        workspace.environment["\(prefix)_PASSWORD"] = "pw"
                        try workspace.configure(
                            Entry(upstream.place("up/app"), to: plain.place("mirror/app"), Entry.all),
                            Entry(upstream.place("up/app"), to: secured.place("mirror/app"), Entry.all),
                            Entry(upstream.place("up/tool"), to: plain.place("mirror/tool"), "tag: v1"),
                            head: "registries:\n  '\(secured.host)':\n    ca_file: \(certificates.authorityFile)\n"
                        )
                        try await body(
                            Scene(
                                upstream: upstream,
                                plain: plain,
                                secured: secured,
                                workspace: workspace,
                                images: images
                            )
                        )
                    }
                }
            }
        }
    }

    private static func check(_ scene: Scene) async throws {
        for (registry, repository) in scene.places.filter({ $0.1 == "mirror/app" }) {
            for (tag, image) in scene.images {
                let answer = try await registry.client.get(
                    "/v2/\(repository)/manifests/\(tag)",
                    ["Accept": image.top.mediaType.description]
                )
                #expect(answer.body == image.topBytes, "\(registry.host)/\(repository):\(tag)")
            }
        }
        let credentials = ["--creds", "me:pw"]
        let tag: TagName = "1.7"
        let raw = try await Skopeo.inspectRaw(
            "docker://\(scene.secured.place("mirror/app")):\(tag)",
            options: credentials
        )
        #expect(raw == scene.images[tag]?.topBytes)
        #expect(try await Skopeo.inspectRaw("docker://\(scene.plain.place("mirror/tool")):v1") == image(1).topBytes)
    }

    @Test("Two targets get the same bytes, each blob is fetched once, and emptied targets are filled from the cache")
    func mirror() async throws {
        try await Self.with { scene async throws in
            let before = try await scene.log()
            let first = try await scene.workspace.run("sync", "--progress", "none")
            #expect(first.status == 0, "\(first.output)\(first.errors)")
            #expect(first.counts == [41, 41, 0, 0])
            try await Self.check(scene)
            let afterFirst = try await scene.log()
            let fetches = afterFirst.since(before).blobFetches
            let blobs = Set(scene.images.values.flatMap(\.blobs).map(\.descriptor.digest.description))
            #expect(Set(fetches.keys) == blobs)
            #expect(fetches.values.allSatisfy { $0 == 1 }, "\(fetches)")

            try await scene.plain.empty()
            try await scene.secured.empty()
            let second = try await scene.workspace.run("sync", "--progress", "none")
            #expect(second.status == 0, "\(second.output)\(second.errors)")
            #expect(second.counts == [41, 41, 0, 0])
            try await Self.check(scene)
            let afterSecond = try await scene.log()
            #expect(afterSecond.since(afterFirst).blobFetches.isEmpty)

            try await Self.checkCache(scene)
        }
    }

    private static func checkCache(_ scene: Scene) async throws {
        let files = CacheFiles(path: scene.workspace.cache)
        #expect(try files.hasLayoutMarker())
        #expect(try files.wrongBlobs() == [])
        #expect(try files.partials() == [])
        let expected =
            scene.images.map { ("\(scene.upstream.place("up/app")):\($0.key)", $0.value.digest) }
            + [("\(scene.upstream.place("up/tool")):v1", image(1).digest)]
        #expect(try files.images() == Dictionary(uniqueKeysWithValues: expected))
        try await TemporaryDirectory.with { path async throws in
            let name = "\(scene.upstream.place("up/app")):1.4"
            try await Skopeo.copy("oci:\(scene.workspace.cache):\(name)", "dir:\(path)/image")
            let copied = try Files.read("\(path)/image/manifest.json")
            #expect(copied == scene.images["1.4"]?.topBytes)
        }
    }

    @Test("skopeo copies every form of image out of the cache that it could have copied from upstream")
    func singlePlatform() async throws {
        try await Self.with { scene async throws in
            try scene.workspace.configure(
                Entry(
                    scene.upstream.place("up/app"),
                    to: scene.plain.place("mirror/arm"),
                    "tag: '1.3'",
                    "platforms: [linux/arm64]"
                )
            )
            let result = try await scene.workspace.run("sync")
            #expect(result.status == 0, "\(result.output)\(result.errors)")
            let raw = try await Skopeo.inspectRaw("docker://\(scene.plain.place("mirror/arm")):1.3")
            let child = try #require(scene.images["1.3"]?.manifests[1])
            #expect(raw == child.source.buffer)
            #expect(child.descriptor.digest == Digest.of(raw))
            try await TemporaryDirectory.with { path async throws in
                let name = "\(scene.upstream.place("up/app")):1.3"
                try await Skopeo.copy("oci:\(scene.workspace.cache):\(name)", "dir:\(path)/image")
                #expect(try Files.read("\(path)/image/manifest.json") == raw)
            }
        }
    }
}
