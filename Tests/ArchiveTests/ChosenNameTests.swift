import Archive
import Cache
import CacheSupport
import NIOCore
import OCI
import TestSupport
import Testing

/// What `--only` takes of an archive, and what it leaves.
@Suite(.timeLimit(.minutes(10)))
struct ChosenNameTests {
    private static let index = SampleImage.multiPlatform(layerSize: 800)
    private static let other = SampleImage.image(layers: [.init(seed: 3, size: 900)])
    private static let name = "a.example.com/x:1"

    private static func tag(_ subject: Digest, _ suffix: String, at place: String = "a.example.com/x") -> String {
        "\(place):sha256-\(subject.hex)\(suffix)"
    }

    private static func stand(_ seed: UInt64) -> SampleImage { .image(layers: [.init(seed: seed, size: 300)]) }

    private static func layout(_ names: [(SampleImage, String)], _ nameless: SampleImage) -> ByteBuffer {
        var entries: [(SampleImage, name: String?)] = [(nameless, nil)]
        for (image, name) in names { entries.append((image, name)) }
        return TestTar.layout(entries).finished
    }

    @Test(
        "The tags of what refers to an image, to a manifest in it or to one of these come along; those of others do not",
        arguments: [true, false]
    )
    func attachments(isOurs: Bool) async throws {
        let child = try #require(Self.index.manifests.first { $0.descriptor.digest != Self.index.digest }).descriptor
            .digest
        let bill = SampleImage.artifact(of: Self.index.top, content: "bill of materials")
        let signature = Self.stand(11)
        let taken = [
            (Self.index, Self.name), (signature, Self.tag(Self.index.digest, ".sig")),
            (Self.stand(12), Self.tag(child, ".att")), (Self.stand(13), Self.tag(child, "")),
            (Self.stand(14), Self.tag(bill.digest, ".sig")), (Self.stand(15), Self.tag(signature.digest, ".sig")),
        ]
        let left = [
            (Self.other, "a.example.com/x:2"), (Self.stand(16), Self.tag(Self.other.digest, ".sig")),
            (Self.stand(17), Self.tag(Self.index.digest, ".sig", at: "a.example.com/y")),
        ]
        try await withCache { cache, path async throws in
            let file = "\(path)-x.tar"
            if isOurs {
                try await Self.export(taken + left, bill, to: file)
            } else {
                try Files.write(Self.layout(taken + left, bill), to: file)
            }
            var options = ImportOptions()
            options.only = [Self.name]
            let report = try await ArchiveImporter(cache).run(.path(file), options)
            let expected = Dictionary(uniqueKeysWithValues: taken.map { ($1, $0.digest) })
            #expect(try await cache.tagged() == expected)
            #expect(Array(report.skipped).sorted() == left.map(\.1).sorted())
            #expect(try cache.contains(bill.top))
        }
    }

    /// Writes an archive of what another cache holds.
    private static func export(
        _ names: [(SampleImage, String)],
        _ referrer: SampleImage,
        to file: String
    ) async throws {
        try await withCache { cache, path async throws in
            try await cache.importing(layout(names, referrer), at: path)
            let images = try names.map { image, name in
                ArchiveDocument.Image(reference: try ImageReference(name), descriptor: image.top)
            }
            var contents = ArchiveContents(images: ImageList(images))
            contents.referrers = [.init(repository: try ImageReference(name).location, descriptor: referrer.top)]
            let plan = try await ArchivePlanner(cache).plan(contents)
            try await ArchiveOutput(cache).write(plan.volumes[0], to: .file(path: file, overwrites: false))
        }
    }

    @Test("A name at an address in brackets is chosen by itself")
    func address() async throws {
        try await withCache { cache, path async throws in
            let tar = TestTar.layout([(Self.index, "[::1]:5000/x:1"), (Self.other, Self.name)]).finished
            try await cache.importing(tar, at: path) { $0.only = ["[::1]:5000/x:1"] }
            #expect(try await cache.tagged() == ["[::1]:5000/x:1": Self.index.digest])
        }
    }

    private static let unusable = ByteBuffer(string: #"{"schemaVersion":1,"fsLayers":[]}"#)
    private static let broken = Descriptor(mediaType: .ociManifest, bytes: unusable)

    /// An archive of ``other`` and of what cannot be used.
    private static func archive(_ entries: [(Descriptor, name: String?)]) -> TestTar {
        var tar = TestTar()
        tar.add("oci-layout", text: TestTar.marker)
        tar.add("index.json", text: TestTar.index([(other.top, name)] + entries))
        tar.add(other)
        tar.add(TestTar.name(broken.digest), Array(unusable.readableBytesView))
        return tar
    }

    private static func importing(
        _ tar: TestTar,
        asDirectory isDirectory: Bool,
        only globs: [String] = [],
        _ body: (ContentCache, ImportReport) async throws -> Void
    ) async throws {
        try await withCache { cache, path async throws in
            var options = ImportOptions()
            options.only = globs
            try Files.write(tar.finished, to: "\(path).tar")
            try Files.makeDirectory("\(path)-layout")
            try await Tool.check("tar", ["-xf", "\(path).tar", "-C", "\(path)-layout"])
            let place = isDirectory ? "\(path)-layout" : "\(path).tar"
            let report = try await ArchiveImporter(cache).run(.path(place), options)
            #expect(try await cache.tagged() == [name: other.digest])
            #expect(try names("\(path)/ingest").isEmpty)
            try await body(cache, report)
        }
    }

    @Test("What has no name and cannot be used is left out and counted", arguments: [true, false])
    func unusable(isDirectory: Bool) async throws {
        try await Self.importing(Self.archive([(Self.broken, nil)]), asDirectory: isDirectory) { _, report in
            #expect(report.unnamed == [Self.broken.digest])
        }
    }

    @Test("What nothing lists, refers to an image and cannot be used is left out", arguments: [true, false])
    func unlisted(isDirectory: Bool) async throws {
        var tar = Self.archive([])
        let entry = { (descriptor: Descriptor) in
            #"{"mediaType":"\#(descriptor.mediaType)","digest":"\#(descriptor.digest)","size":\#(descriptor.size)}"#
        }
        let index = ByteBuffer(
            string: #"{"schemaVersion":2,"mediaType":"\#(MediaType.ociIndex)","#
                + #""manifests":[\#(entry(Self.broken))],"subject":\#(entry(Self.other.top))}"#
        )
        tar.add(TestTar.name(.of(index)), Array(index.readableBytesView))
        try await Self.importing(tar, asDirectory: isDirectory) { cache, _ async throws in
            #expect(try cache.manifest(Descriptor(mediaType: .ociIndex, bytes: index)) == nil)
        }
    }

    @Test(
        "A name that is not chosen may stand for what cannot be used, also beside docker's list",
        arguments: [true, false]
    )
    func notChosen(isDirectory: Bool) async throws {
        var tar = Self.archive([(Self.broken, "a.example.com/bad:1")])
        tar.add("manifest.json", text: "[]")
        try await Self.importing(tar, asDirectory: isDirectory, only: [Self.name]) { _, report in
            #expect(Array(report.skipped) == ["a.example.com/bad:1"])
        }
    }

    @Test(
        "What would only come along is left out and told where it is not whole, cannot be used or is two things",
        arguments: [true, false]
    )
    func uselessAttachments(isDirectory: Bool) async throws {
        let tags = [".att", ".sbom", ".sig"].map { Self.tag(Self.other.digest, $0) }
        let (partial, referrer) = (Self.stand(21), SampleImage.artifact(of: Self.other.top, content: "lost"))
        let rivals = [Self.stand(22), Self.stand(23)]
        var tar = Self.archive(
            [(partial.top, tags[0]), (Self.broken, tags[2]), (referrer.top, nil)] + rivals.map { ($0.top, tags[1]) }
        )
        for rival in rivals { tar.add(rival) }
        for image in [partial, referrer] {
            tar.add(TestTar.name(image.digest), Array(image.topBytes.readableBytesView))
        }
        try await Self.importing(tar, asDirectory: isDirectory, only: [Self.name]) { _, report in
            #expect(report.unusable == tags)
            #expect(report.skipped.isEmpty)
            #expect(report.unnamed == [referrer.digest])
        }
    }

    @Test(
        "A signature keeps its tag in the repository of --as, and does not count as an image",
        arguments: ["", "Team/App:"],
        ["", ":new"]
    )
    func renamed(prefix: String, tag: String) async throws {
        let (signature, signatureTag) = (Self.stand(24), "sha256-\(Self.other.digest.hex).sig")
        let entries: [(SampleImage, name: String?)] = [
            (Self.other, "\(prefix)1.0"), (signature, prefix + signatureTag), (Self.index, "\(prefix)2.0"),
        ]
        let tar = TestTar.layout(entries, key: "org.opencontainers.image.ref.name")
        let name = try ImageReference("a.example.com/x\(tag)")
        try await withCache { cache, path async throws in
            try await cache.importing(tar.finished, at: path) { options in
                options.only = ["\(prefix)1.0"]
                options.name = name
            }
            let taken = tag.isEmpty ? ":1.0" : tag
            #expect(
                try await cache.tagged() == [
                    "a.example.com/x\(taken)": Self.other.digest, "a.example.com/x:\(signatureTag)": signature.digest,
                ]
            )
        }
    }
}
