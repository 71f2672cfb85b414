import Archive
import Cache
import CacheSupport
import NIOCore
import OCI
import TestSupport
import Testing

/// What `docker save` writes where docker keeps images in containerd's store: the whole index, and of its manifests those
/// that had been pulled.
@Suite(.timeLimit(.minutes(10)))
struct SparseIndexTests {
    private static let name = "registry.example.com/up/app:1"
    private static let children = [
        Platform(os: "linux", architecture: "amd64"), Platform(os: "linux", architecture: "arm64", variant: "v8"),
        Platform(os: "linux", architecture: "s390x"),
    ].enumerated().map { number, platform in
        SampleImage.image(
            platform: platform,
            layers: [.init(seed: 70, size: 3000), .init(seed: UInt64(71 + number), size: 2000)]
        )
    }
    private static let attestation = SampleImage.attestation(of: children[0])
    private static let index = SampleImage.index(of: children + [attestation])

    /// An archive of the index with some of what it needs.
    private static func archive(
        _ index: SampleImage = index,
        of images: [SampleImage],
        without lost: Set<Digest> = []
    ) -> TestTar {
        var tar = TestTar()
        tar.add("blobs/") { $0.type = UInt8(ascii: "5") }
        tar.add("blobs/sha256/") { $0.type = UInt8(ascii: "5") }
        var seen = lost
        for part in images.flatMap({ $0.blobs + $0.manifests }) + index.manifests.suffix(1)
        where seen.insert(part.descriptor.digest).inserted {
            tar.add(part)
        }
        let annotations =
            #""containerd.io/distribution.source.registry.example.com":"up/app","#
            + #""io.containerd.image.name":"\#(name)","org.opencontainers.image.ref.name":"1""#
        tar.add(
            "index.json",
            text: #"{"schemaVersion":2,"mediaType":"\#(MediaType.ociIndex)","manifests":[{"mediaType":"#
                + #""\#(index.top.mediaType)","digest":"\#(index.digest)","size":\#(index.top.size),"#
                + #""annotations":{\#(annotations)}}]}"#
        )
        let files = images.first?.blobs.map { "\"\(TestTar.name($0.descriptor.digest))\"" } ?? []
        let layers = files.dropFirst().joined(separator: ",")
        tar.add(
            "manifest.json",
            text: #"[{"Config":\#(files.first ?? "\"\""),"RepoTags":["\#(name)"],"Layers":[\#(layers)]}]"#
        )
        tar.add("oci-layout", text: TestTar.marker)
        return tar
    }

    /// What `platforms` makes of the index.
    private static func reduced(_ patterns: [String], of image: SampleImage = index) throws -> Digest {
        let document = try Manifest(bytes: image.topBytes, contentType: nil)
        let selection = try document.selecting(patterns.map { try PlatformPattern($0) })?.selection
        guard case .reduced(let manifest) = selection else {
            Issue.record("\(patterns) do not make a new index")
            return image.digest
        }
        return manifest.descriptor.digest
    }

    @Test("Of one platform that is there the name stands for its manifest, alone, and the report says what is absent")
    func single() async throws {
        try await withCache { cache, path async throws in
            let tar = Self.archive(of: [Self.children[1]]).finished
            let image = try #require(try await cache.importing(tar, at: path).images.first)
            #expect(image.descriptor == Self.children[1].top)
            #expect(image.narrowing?.index == Self.index.digest)
            #expect(image.narrowing?.held.map(\.description) == ["linux/arm64/v8"])
            #expect(image.narrowing?.absent.map(\.description) == ["linux/amd64", "linux/s390x"])
            #expect(try await cache.tagged() == [Self.name: Self.children[1].digest])
            #expect(try !cache.contains(Self.index.top))
            #expect(try names("\(path)/ingest").isEmpty)
            #expect(try await cache.importing(tar, at: path).images.map(\.outcome) == [.unchanged])
            #expect(try await cache.collect(CollectionOptions(grace: .zero)).blobs == 0)
        }
    }

    @Test("Several platforms make the index that `platforms` makes of them; what lacks a layer does not count")
    func several() async throws {
        try await withCache { cache, path async throws in
            let layer = try #require(Self.children[2].blobs.last).descriptor.digest
            let tar = Self.archive(of: Self.children, without: [layer]).finished
            let image = try #require(try await cache.importing(tar, at: path).images.first)
            let expected = try Self.reduced(["linux/amd64", "linux/arm64"])
            #expect(image.descriptor.digest == expected)
            #expect(image.narrowing?.absent.map(\.architecture) == ["s390x"])
            #expect(try await cache.tagged() == [Self.name: expected])
            #expect(try await ArchiveClosure(of: image.descriptor, in: cache).missing.isEmpty)
            #expect(try await cache.importing(tar, at: path).images.map(\.outcome) == [.unchanged])
        }
    }

    @Test("Attestations alone may be absent, and one that is there is left out with the others")
    func attestations() async throws {
        let second = SampleImage.attestation(of: Self.children[1])
        let index = SampleImage.index(of: Self.children + [Self.attestation, second])
        try await withCache { cache, path async throws in
            let tar = Self.archive(index, of: Self.children + [Self.attestation]).finished
            let image = try #require(try await cache.importing(tar, at: path).images.first)
            #expect(image.narrowing?.absent == [])
            let expected = try Self.reduced(["linux/amd64", "linux/arm64", "linux/s390x"], of: index)
            #expect(try await cache.tagged() == [Self.name: expected])
        }
    }

    @Test("What the cache holds makes the index whole")
    func completed() async throws {
        try await withCache { cache, path async throws in
            let parts = TestTar.layout(Self.index.children(Self.children + [Self.attestation]))
            try await cache.importing(parts.finished, at: path)
            let report = try await cache.importing(Self.archive(of: [Self.children[0]]).finished, at: path)
            #expect(report.images.map(\.descriptor) == [Self.index.top])
            #expect(report.images.map(\.narrowing) == [nil])
            #expect(try await cache.tagged()[Self.name] == Self.index.digest)
        }
    }

    @Test("Nothing is made of attestations, or of manifests without their layers: the archive is refused")
    func nothing() async throws {
        let layers = Set(Self.children.flatMap { $0.blobs.dropFirst() }.map(\.descriptor.digest))
        let archives = [
            Self.archive(of: []), Self.archive(of: [Self.attestation]),
            Self.archive(of: Self.children, without: layers),
        ]
        for tar in archives {
            try await withCache { cache, path async throws in
                let error = await #expect(throws: CacheError.self) { try await cache.importing(tar.finished, at: path) }
                let text = "\(error.map { "\($0)" } ?? "")"
                #expect(text.contains("it is incomplete: '\(Self.name)' needs sha256:"), "\(text)")
                #expect(text.contains("'docker save --platform'"))
                #expect(try names("\(path)/blobs/sha256").isEmpty)
                #expect(try names("\(path)/ingest").isEmpty)
                #expect(try await cache.tagged().isEmpty)
            }
        }
    }

    @Test("An archive of imglife says what it holds; what is not whole there is refused")
    func own() async throws {
        try await withCache { cache, path async throws in
            let sample = ArchiveSample(images: [(Self.index, Self.name)])
            let archive = try sample.archive(without: [Self.children[2].digest])
            let error = await #expect(throws: CacheError.self) { try await cache.importing(archive, at: path) }
            #expect("\(error.map { "\($0)" } ?? "")".contains("needs \(Self.children[2].digest)"))
            #expect(try await cache.tagged().isEmpty)
        }
    }

    @Test("The same holds for a directory")
    func directory() async throws {
        try await withCache { cache, path async throws in
            try write(Self.archive(of: [Self.children[0]]).finished, to: "\(path).tar")
            try Files.makeDirectory("\(path)-layout")
            try await Tool.check("tar", ["-C", "\(path)-layout", "-xf", "\(path).tar"])
            let report = try await ArchiveImporter(cache).run(.path("\(path)-layout"))
            #expect(report.images.map(\.descriptor) == [Self.children[0].top])
            #expect(report.images.first?.narrowing?.absent.count == 2)
        }
    }
}

extension SampleImage {
    /// Some images with names of their own.
    fileprivate func children(_ images: [SampleImage]) -> [(SampleImage, name: String?)] {
        images.enumerated().map { ($1, "registry.example.com/up/part:\($0)") }
    }
}
