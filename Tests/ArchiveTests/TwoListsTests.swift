import Archive
import Cache
import CacheSupport
import NIOCore
import OCI
import TestSupport
import Testing

/// Archives with an `index.json` and a `manifest.json`, as docker, buildx and kaniko write them: each may know more than the
/// other.
@Suite(.timeLimit(.minutes(10)))
struct TwoListsTests {
    private static let image = SampleImage.image(layers: [.init(seed: 91, size: 900)])
    private static let index = SampleImage.multiPlatform(seed: 92)
    private static let name = "a.example.com/x:1"
    private static let more = "a.example.com/x:stable"

    /// An image of `manifest.json` alone: its layer is no archive that is compressed, and its config says so.
    private static let other: (config: String, layer: String) = {
        let layer = "another layer"
        let digest = Digest.of(ByteBuffer(string: layer))
        return (#"{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":["\#(digest)"]}}"#, layer)
    }()

    private static func item(_ config: Digest, _ layers: [Digest], _ tags: [String]?) -> String {
        let quoted = { (texts: [String]) in "[" + texts.map { "\"\($0)\"" }.joined(separator: ",") + "]" }
        let tags = tags.map(quoted) ?? "null"
        return
            #"{"Config":"\#(TestTar.name(config))","RepoTags":\#(tags),"Layers":\#(quoted(layers.map(TestTar.name)))}"#
    }

    /// What docker says of the image, or of one platform of the index.
    private static func item(_ image: SampleImage, _ tags: [String]?) -> String {
        item(image.blobs[0].descriptor.digest, image.blobs.dropFirst().prefix(1).map(\.descriptor.digest), tags)
    }

    private static func item(ofOther tags: [String]?) -> String {
        item(Digest.of(ByteBuffer(string: other.config)), [Digest.of(ByteBuffer(string: other.layer))], tags)
    }

    private struct Shape {
        let sample: SampleImage
        /// Its annotation's key, and its name; nothing where the index does not list it.
        let indexed: (key: String, name: String?)?
        let items: [String]
        /// Which names there are then; the value is whether the sample is meant.
        let expected: [String: Bool]
        var wish: String?
    }

    private static let full = "io.containerd.image.name"
    private static let reference = "org.opencontainers.image.ref.name"

    private static let shapes = [
        Shape(
            sample: image,
            indexed: (full, name),
            items: [item(image, [name, more]), item(ofOther: ["a.example.com/y:1"])],
            expected: [name: true, more: true, "a.example.com/y:1": false]
        ),
        Shape(sample: image, indexed: (full, nil), items: [item(image, [name])], expected: [name: true]),
        Shape(sample: image, indexed: nil, items: [item(ofOther: [name])], expected: [name: false]),
        Shape(sample: image, indexed: (reference, "1"), items: [item(image, [name])], expected: [name: true]),
        Shape(sample: image, indexed: (full, name), items: [item(image, nil)], expected: [name: true]),
        Shape(
            sample: index,
            indexed: (full, name),
            items: [item(index, [name, more])],
            expected: [name: true, more: true]
        ),
        // Of one name the index says what it stands for.
        Shape(sample: image, indexed: (full, name), items: [item(ofOther: [name])], expected: [name: true]),
        // What --as is to name is named by it.
        Shape(
            sample: image,
            indexed: (reference, "1"),
            items: [item(image, [name])],
            expected: ["b.example.com/z:1": true],
            wish: "b.example.com/z"
        ),
        Shape(
            sample: image,
            indexed: (full, nil),
            items: [item(image, [name])],
            expected: ["b.example.com/z:2": true],
            wish: "b.example.com/z:2"
        ),
    ]

    private static func archive(_ shape: Shape, _ listing: String) -> TestTar {
        var tar = TestTar()
        tar.add("oci-layout", text: TestTar.marker)
        let entries = shape.indexed.map { [(shape.sample.top, name: $0.name)] } ?? []
        tar.add("index.json", text: TestTar.index(entries, key: shape.indexed?.key ?? full))
        tar.add(shape.sample)
        for text in [other.config, other.layer] {
            tar.add(TestTar.name(Digest.of(ByteBuffer(string: text))), text: text)
        }
        tar.add("manifest.json", text: listing)
        return tar
    }

    /// Imports it as a file, or unpacked.
    private static func importing(
        _ tar: TestTar,
        isDirectory: Bool,
        as wish: String? = nil,
        _ body: (ContentCache, ImportReport) async throws -> Void
    ) async throws {
        try await withCache { cache, path async throws in
            var options = ImportOptions()
            options.name = try wish.map { try ImageReference($0) }
            try Files.write(tar.finished, to: "\(path).tar")
            var place = "\(path).tar"
            if isDirectory {
                place = "\(path)-unpacked"
                try Files.makeDirectory(place)
                try await Tool.check("tar", ["-xf", "\(path).tar", "-C", place])
            }
            let report = try await ArchiveImporter(cache).run(.path(place), options)
            try await body(cache, report)
        }
    }

    @Test("What either list names is imported, and of one name the index says what it means", arguments: [false, true])
    func both(isDirectory: Bool) async throws {
        for shape in Self.shapes {
            let tar = Self.archive(shape, "[" + shape.items.joined(separator: ",") + "]")
            try await Self.importing(tar, isDirectory: isDirectory, as: shape.wish) { cache, report async throws in
                let tagged = try await cache.tagged()
                #expect(tagged.mapValues { $0 == shape.sample.digest } == shape.expected)
                #expect(report.unnamed.isEmpty)
                #expect(try await cache.collect(CollectionOptions(grace: .zero)).blobs == 0)
            }
        }
    }

    @Test("An image that manifest.json alone lists, and without a name, is told as left out", arguments: [false, true])
    func nameless(isDirectory: Bool) async throws {
        let tar = Self.archive(Self.shapes[0], "[" + Self.item(ofOther: nil) + "]")
        try await Self.importing(tar, isDirectory: isDirectory) { cache, report async throws in
            #expect(try await cache.tagged() == [Self.name: Self.image.digest])
            #expect(report.unnamed.count == 1)
        }
    }

    @Test(
        "Beside images of an index a manifest.json that is no list is anybody's, and is not looked at",
        arguments: ["{}", #"{"name":"an application"}"#, "no JSON"]
    )
    func anybodys(listing: String) async throws {
        for isDirectory in [false, true] {
            let tar = Self.archive(Self.shapes[0], listing)
            try await Self.importing(tar, isDirectory: isDirectory) { cache, _ async throws in
                #expect(try await cache.tagged() == [Self.name: Self.image.digest])
            }
        }
    }

    @Test("Of two images with one config each gets the names that manifest.json gives to its layers")
    func oneConfig() async throws {
        let packed = try await Tool.check("gzip", ["-nc"], stdin: Array(Self.other.layer.utf8)).stdout
        let config = Descriptor(mediaType: .ociConfig, bytes: ByteBuffer(string: Self.other.config))
        let layers = [("tar+gzip", packed), ("tar", Array(Self.other.layer.utf8))].map { type, bytes in
            let digest = Digest.of(ByteBuffer(bytes: bytes))
            let text =
                #"{"schemaVersion":2,"mediaType":"\#(MediaType.ociManifest)","config":{"mediaType":"\#(MediaType.ociConfig)","#
                + #""digest":"\#(config.digest)","size":\#(config.size)},"layers":[{"mediaType":"#
                + #""application/vnd.oci.image.layer.v1.\#(type)","digest":"\#(digest)","size":\#(bytes.count)}]}"#
            return (digest: digest, bytes: bytes, manifest: text)
        }
        let tops = layers.map { Descriptor(mediaType: .ociManifest, bytes: ByteBuffer(string: $0.manifest)) }
        let names = ["a.example.com/x:1", "a.example.com/x:2"]
        var tar = TestTar()
        tar.add("index.json", text: TestTar.index(tops.map { ($0, nil) }))
        let items = zip(layers, names).map { Self.item(config.digest, [$0.digest], [$1]) }
        tar.add("manifest.json", text: "[\(items.joined(separator: ","))]")
        tar.add(TestTar.name(config.digest), text: Self.other.config)
        for (layer, top) in zip(layers, tops) {
            tar.add(TestTar.name(layer.digest), layer.bytes)
            tar.add(TestTar.name(top.digest), text: layer.manifest)
        }
        for isDirectory in [false, true] {
            try await Self.importing(tar, isDirectory: isDirectory) { cache, _ async throws in
                #expect(try await cache.tagged() == Dictionary(uniqueKeysWithValues: zip(names, tops.map(\.digest))))
            }
        }
    }
}
