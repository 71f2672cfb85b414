import Cache
import CacheSupport
import NIOCore
import OCI
import TestSupport
import Testing

@testable import Archive

/// What of a cache's images goes into `manifest.json`, for `docker load`.
@Suite(.timeLimit(.minutes(10)))
struct DockerSelectionTests {
    private static let good = SampleImage.image(layers: [.init(seed: 71, size: 900)])
    private static let goodName = "a.example.com/good:1"
    private static let oddName = "a.example.com/odd:1"

    private static func config(_ count: Int, os: String = #""os":"linux","#) -> String {
        let digests = Array(repeating: #""\#(good.digest)""#, count: count).joined(separator: ",")
        return #"{"architecture":"amd64",\#(os)"rootfs":{"type":"layers","diff_ids":[\#(digests)]}}"#
    }

    private static func image(_ type: MediaType, config: String = config(1)) -> SampleImage {
        .content(config: (.ociConfig, config), layers: [(type, "layer")])
    }

    /// Images that docker cannot load, with a part of the reason.
    private static let odd: [(image: SampleImage, reason: String)] = [
        (
            .content(
                config: ("application/vnd.cncf.helm.config.v1+json", "{}"),
                layers: [("application/vnd.cncf.helm.chart.content.v1.tar+gzip", "chart")]
            ), "its config is of the type application/vnd.cncf.helm.config.v1+json"
        ),
        (SampleImage.withForeignLayer().image, "\(SampleImage.withForeignLayer().foreign.digest) is a foreign one"),
        (.cosignSignature(of: good.top), "is of the type application/vnd.dev.cosign.simplesigning.v1+json"),
        (image("application/vnd.oci.image.layer.v1.tar+gzip+encrypted"), "layer.v1.tar+gzip+encrypted"),
        (image("application/vnd.docker.image.rootfs.diff.tar+gzip"), "rootfs.diff.tar+gzip"),
        (image("application/vnd.oci.image.layer.v1.tar", config: config(2)), "of 2 layers, and it has 1"),
        (image("application/vnd.oci.image.layer.v1.tar", config: config(1, os: "")), "does not say which layers"),
        (image("application/vnd.oci.image.layer.v1.tar", config: "[]"), "does not say which layers"),
        (.index(of: [.attestation(of: good)]), "its index lists no image"),
    ]

    private static func with(
        _ images: [(SampleImage, name: String)],
        _ body: (ContentCache, ArchiveContents, _ path: String) async throws -> Void
    ) async throws {
        try await withCache { cache, path async throws in
            try await cache.importing(TestTar.layout(images.map { ($0.0, $0.name) }).finished, at: path)
            let contents = try images.map { image, name in
                ArchiveDocument.Image(reference: try ImageReference(name), descriptor: image.top)
            }
            try await body(cache, ArchiveContents(images: contents), path)
        }
    }

    /// The names that an archive has in its `manifest.json`.
    private static func names(
        _ contents: ArchiveContents,
        _ cache: ContentCache,
        _ path: String
    ) async throws -> [String] {
        let plan = try await ArchivePlanner(cache).plan(contents)
        let file = "\(path)-\(UInt64.random(in: 0...UInt64.max)).tar"
        try await ArchiveOutput(cache).write(plan.volumes[0], to: .file(path: file, overwrites: false))
        let text = try await Tool.check("tar", ["-xOf", file, "manifest.json"]).output
        let items = try JSONValue(parsing: .init(string: text)).elements ?? []
        return items.flatMap { $0["RepoTags"]?.elements?.compactMap(\.string) ?? [] }
    }

    @Test(
        "Beside other images, what docker cannot load is not listed for it; alone for docker it is refused by its name"
    )
    func odd() async throws {
        for (image, reason) in Self.odd {
            try await Self.with([(Self.good, Self.goodName), (image, Self.oddName)]) {
                cache,
                contents,
                path async throws in
                #expect(try await Self.names(contents, cache, path) == [Self.goodName], "\(reason)")
                var alone = contents
                alone.isDockerOnly = true
                let error = await #expect(throws: DockerArchiveError.self) {
                    try await ArchivePlanner(cache).plan(alone)
                }
                #expect(error?.images.map { "\($0.image)" } == [Self.oddName])
                #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
            }
        }
    }

    @Test(
        "Layers of every type that docker reads are listed for it",
        arguments: [
            "oci.image.layer.v1.tar", "oci.image.layer.v1.tar+gzip", "oci.image.layer.v1.tar+zstd",
            "oci.image.layer.nondistributable.v1.tar+gzip", "docker.image.rootfs.diff.tar",
            "docker.image.rootfs.diff.tar.gzip", "docker.image.rootfs.foreign.diff.tar.gzip",
        ]
    )
    func layers(type: String) async throws {
        let image = Self.image(try MediaType("application/vnd.\(type)"))
        try await Self.with([(image, Self.oddName)]) { cache, contents, path async throws in
            #expect(try await Self.names(contents, cache, path) == [Self.oddName])
            var alone = contents
            alone.isDockerOnly = true
            #expect(try await Self.names(alone, cache, path) == [Self.oddName])
        }
    }

    @Test(
        "An image without layers is listed for docker, also where its config leaves out their list",
        arguments: ["", #","diff_ids":null"#, #","diff_ids":[]"#]
    )
    func withoutLayers(list: String) async throws {
        let config = #"{"os":"linux","architecture":"amd64","rootfs":{"type":"layers"\#(list)}}"#
        try await Self.with([(.content(config: (.ociConfig, config), layers: []), Self.oddName)]) {
            cache,
            contents,
            path async throws in
            var contents = contents
            contents.isDockerOnly = true
            #expect(try await Self.names(contents, cache, path) == [Self.oddName])
        }
    }

    @Test("The name of a referrer is not listed for docker, whatever it stands for")
    func attachments() async throws {
        try await Self.with([(Self.good, Self.goodName), (Self.good, Self.oddName)]) {
            cache,
            contents,
            path async throws in
            var contents = contents
            contents.attachments = [Self.oddName]
            #expect(try await Self.names(contents, cache, path) == [Self.goodName])
        }
    }

    @Test("More images than one manifest.json may have are refused with their number")
    func tooMany() async throws {
        let images = try ImageList(
            (0...DockerManifest.maximumImages).map { number in
                .init(reference: try ImageReference("a.example.com/x:\(number)"), descriptor: Self.good.top)
            }
        )
        let manifests = try (0...DockerManifest.maximumImages).map { number in
            let image = SampleImage.content(config: (.ociConfig, "\(number)"), layers: [])
            return try Manifest(bytes: image.topBytes, contentType: nil)
        }
        let blobs = manifests.flatMap(\.references).map { ArchiveDocument.Blob(digest: $0.digest, size: $0.size) }
        var docker = DockerManifest(of: images, BlobList(blobs.sorted { $0.digest < $1.digest }))
        for (number, manifest) in manifests.enumerated() {
            guard case .image(let image) = manifest.content else { continue }
            docker.add(image, namedAt: number)
        }
        let error = #expect(throws: DocumentError.self) { _ = try docker.checked() }
        #expect(error?.kind == .tooLarge && error?.reason.contains("would list 20001 images") == true)
    }
}
