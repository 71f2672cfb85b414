import Archive
import Cache
import CacheSupport
import FoundationEssentials
import NIOCore
import OCI
import TestSupport
import Testing

/// Archives and directories in the shapes that other programs give them.
@Suite(.timeLimit(.minutes(10)))
struct ForeignShapeTests {
    private static let image = SampleImage.image(layers: [.init(seed: 51, size: 3000), .init(seed: 52, size: 900)])
    private static let second = SampleImage.image(layers: [.init(seed: 53, size: 1000)])
    private static let name = "a.example.com/x:1"
    private static let layer = ByteBuffer(string: String(repeating: "layer ", count: 300))

    private static var config: String {
        #"{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":["\#(Digest.of(layer))"]}}"#
    }

    private static func listing(_ config: String, _ layer: String, _ tags: String = #"["a.example.com/x:1"]"#) -> String
    {
        #"[{"Config":"\#(config)","RepoTags":\#(tags),"Layers":["\#(layer)"]}]"#
    }

    /// How programs call an image's config and its layer.
    private static var dockerShapes: [(config: String, layer: String)] {
        let (config, layer) = (Digest.of(ByteBuffer(string: config)).hex, Digest.of(layer).hex)
        return [
            ("config.json", "\(layer).tar.gz"),
            ("blobs/sha256/\(config)", "blobs/sha256/\(layer).tar.gz"),
            ("sha256:\(config)", "\(layer).tar.gz"),
            ("\(config).json", "\(layer)/layer.tar"),
        ]
    }

    @Test("What jib, rules_oci, crane and docker save is one image, whatever its members are called")
    func docker() async throws {
        var digests: Set<Digest> = []
        for (config, layer) in Self.dockerShapes {
            try await withCache { cache, path async throws in
                var tar = TestTar()
                tar.add(config, text: Self.config)
                tar.add(layer, Array(Self.layer.readableBytesView))
                tar.add("manifest.json", text: Self.listing(config, layer))
                try await cache.importing(tar.finished, at: path)
                digests.formUnion(try await cache.tagged().values)
                #expect(try await cache.tagged().keys.sorted() == [Self.name])
            }
        }
        #expect(digests.count == 1)
    }

    @Test("An unpacked docker archive is read like the archive, with a layer that is a link to another one")
    func unpacked() async throws {
        try await withCache { cache, path async throws in
            let directory = "\(path)-unpacked"
            let first = "\(String(repeating: "1", count: 64))/layer.tar"
            let second = "\(String(repeating: "2", count: 64))/layer.tar"
            try Files.write(Self.config, to: "\(directory)/config.json")
            try Files.write(Self.layer, to: "\(directory)/\(second)")
            try FileManager.default.createDirectory(
                atPath: "\(directory)/\(first.dropLast(10))",
                withIntermediateDirectories: true
            )
            try FileManager.default.createSymbolicLink(
                atPath: "\(directory)/\(first)",
                withDestinationPath: "../\(second)"
            )
            try Files.write(Self.listing("config.json", first), to: "\(directory)/manifest.json")
            _ = try await ArchiveImporter(cache).run(.path(directory))
            #expect(try await cache.tagged().keys.sorted() == [Self.name])
            #expect(try contents(file(Digest.of(Self.layer), in: path)) == Self.layer)
            #expect(try names("\(path)/ingest").isEmpty)
        }
    }

    @Test(
        "A list that Go leaves out because it is empty is an empty one",
        arguments: [#","Layers":null"#, "", #","Layers":[]"#]
    )
    func withoutLayers(listing: String) async throws {
        try await withCache { cache, path async throws in
            var tar = TestTar()
            tar.add("config.json", text: #"{"os":"linux","architecture":"amd64","rootfs":{"type":"layers"}}"#)
            let item = #"{"Config":"config.json","RepoTags":["a.example.com/x:1"]\#(listing)}"#
            tar.add("manifest.json", text: "[\(item)]")
            try await cache.importing(tar.finished, at: path)
            #expect(try await cache.tagged().keys.sorted() == [Self.name])
        }
    }

    @Test("A foreign layer that an archive has is left out, and counted")
    func foreignLayer() async throws {
        let (image, foreign) = SampleImage.withForeignLayer()
        try await withCache { cache, path async throws in
            var tar = TestTar.layout([(image, Self.name)])
            let bytes = ByteSource.random(seed: 22, count: 3000).buffer
            try #require(Digest.of(bytes) == foreign.digest)
            tar.add(TestTar.name(foreign.digest), Array(bytes.readableBytesView))
            let report = try await cache.importing(tar.finished, at: path)
            #expect(report.foreignLayers == 1)
            #expect(try !cache.contains(foreign) && names("\(path)/ingest").isEmpty)
        }
    }

    @Test("A foreign layer that another image of an archive has as an ordinary one is taken, and not told as left out")
    func ordinaryLayer() async throws {
        let (image, foreign) = SampleImage.withForeignLayer()
        let other = SampleImage.image(layers: [.init(seed: 22, size: 3000)])
        try #require(other.blobs.contains { $0.descriptor.digest == foreign.digest })
        try await withCache { cache, path async throws in
            let tar = TestTar.layout([(image, Self.name), (other, "a.example.com/x:2")])
            let report = try await cache.importing(tar.finished, at: path)
            #expect(report.foreignLayers == 0)
            #expect(try cache.contains(foreign))
        }
    }

    @Test("A haul has no oci-layout, and what of its index is no image is ignored and counted")
    func haul() async throws {
        try await withCache { cache, path async throws in
            var tar = TestTar()
            let chart = Descriptor(
                mediaType: "application/vnd.example.chart",
                bytes: ByteBuffer(string: "x")
            )
            tar.add("index.json", text: TestTar.index([(Self.image.top, Self.name), (chart, nil)]))
            tar.add(Self.image)
            let report = try await cache.importing(tar.finished, at: path)
            #expect(report.foreign == 1)
            #expect(try await cache.tagged() == [Self.name: Self.image.digest])
        }
    }

    @Test("What cosign saves in a directory comes with its signature, under the tag that cosign looks for")
    func cosign() async throws {
        try await withCache { cache, path async throws in
            let entries = [(Self.image, "image"), (Self.second, "sigs")].map { image, kind in
                #"{"mediaType":"\#(image.top.mediaType)","digest":"\#(image.digest)","size":\#(image.top.size),"#
                    + #""annotations":{"kind":"dev.cosignproject.cosign/\#(kind)"}}"#
            }
            let directory = "\(path)-saved"
            try Files.write(TestTar.marker, to: "\(directory)/oci-layout")
            try Files.write(
                #"{"schemaVersion":2,"manifests":[\#(entries.joined(separator: ","))]}"#,
                to: "\(directory)/index.json"
            )
            for part in ArchiveSample(images: [(Self.image, ""), (Self.second, "")]).parts {
                try Files.write(part.source.buffer, to: "\(directory)/\(TestTar.name(part.descriptor.digest))")
            }
            var options = ImportOptions()
            options.name = try ImageReference(Self.name)
            _ = try await ArchiveImporter(cache).run(.path(directory), options)
            let signature = "a.example.com/x:sha256-\(Self.image.digest.hex).sig"
            #expect(try await cache.tagged() == [Self.name: Self.image.digest, signature: Self.second.digest])
        }
    }

    @Test(
        "What refers to an image and stands in no list comes along, and what refers to that",
        arguments: [true, false]
    )
    func unlisted(isDirectory: Bool) async throws {
        try await withCache { cache, path async throws in
            let bill = SampleImage.artifact(of: Self.image.top, content: "bill of materials")
            let signature = SampleImage.artifact(of: bill.top, content: "signature")
            let stray = SampleImage.artifact(of: Self.second.top, content: "stray")
            var tar = TestTar.layout([(Self.image, Self.name)])
            for other in [bill, signature, stray] { tar.add(other) }
            if isDirectory {
                try Files.write(tar.finished, to: "\(path).tar")
                try FileManager.default.createDirectory(atPath: "\(path)-layout", withIntermediateDirectories: true)
                try await Tool.check("tar", ["-xf", "\(path).tar", "-C", "\(path)-layout"])
                _ = try await ArchiveImporter(cache).run(.path("\(path)-layout"))
            } else {
                try await cache.importing(tar.finished, at: path)
            }
            #expect(try cache.contains(bill.top) && cache.contains(signature.top) && !cache.contains(stray.top))
            let location = try ImageReference(Self.name).location
            #expect(try await cache.referrers.here(of: Self.image.digest, in: location).map(\.digest) == [bill.digest])
            #expect(try await cache.referrers.here(of: bill.digest, in: location).map(\.digest) == [signature.digest])
            #expect(try await cache.collect(CollectionOptions(grace: .zero)).blobs == 0)
        }
    }

    /// What a name of an archive becomes, with `--as` and without.
    @Test(
        "A name without a tag means latest; one that cannot be used takes what --as says, and keeps its tag",
        arguments: [
            ("a.example.com/x", nil, "a.example.com/x:latest"), ("Up/App:2", "b.example.com/y", "b.example.com/y:2"),
            ("Up/App", "b.example.com/y", "b.example.com/y:latest"), ("", "b.example.com/y:3", "b.example.com/y:3"),
            ("Up/App:2", "b.example.com/y:3", "b.example.com/y:3"), ("3.20", "b.example.com/y", "b.example.com/y:3.20"),
            ("3.20", "b.example.com/y:latest", "b.example.com/y:latest"),
            (nil, "b.example.com/y", "b.example.com/y:latest"),
        ] as [(String?, String?, String)]
    )
    func naming(of name: String?, as wish: String?, expected: String) async throws {
        try await withCache { cache, path async throws in
            let tar = TestTar.layout([(Self.image, name)], key: "org.opencontainers.image.ref.name").finished
            try await cache.importing(tar, at: path) { $0.name = wish.flatMap { try? ImageReference($0) } }
            #expect(try await cache.tagged() == [expected: Self.image.digest])
        }
    }

    @Test("--only leaves a name out before it is looked at, and --as is never ignored")
    func selection() async throws {
        try await withCache { cache, path async throws in
            let tar = TestTar.layout([(Self.image, Self.name), (Self.second, "Not/Usable:1")]).finished
            let report = try await cache.importing(tar, at: path) { $0.only = ["a.example.com/*"] }
            #expect(Array(report.skipped) == ["Not/Usable:1"])
            let whole = TestTar.layout([(Self.image, Self.name)]).finished
            let nameless = TestTar.layout([(Self.image, nil), (Self.second, nil)]).finished
            let tags = TestTar.layout(
                [(Self.image, "1"), (Self.second, "2")],
                key: "org.opencontainers.image.ref.name"
            ).finished
            let refused = [
                (whole, "have names of their own"), (nameless, "2 images without a name"),
                (tags, "--as b.example.com/y:1 can name a single image, but 2 of its names have no repository: 1, 2"),
            ]
            for (bytes, reason) in refused {
                let error = await #expect(throws: CacheError.self) {
                    try await cache.importing(bytes, at: path) { $0.name = try? ImageReference("b.example.com/y:1") }
                }
                #expect("\(error.map { "\($0)" } ?? "")".contains(reason))
            }
        }
    }

    @Test(
        "--only takes a tag by what the archive says or by what it becomes, and a name that --as takes the place of is told"
    )
    func replaced() async throws {
        let tags = TestTar.layout(
            [(Self.image, "a"), (Self.second, "b")],
            key: "org.opencontainers.image.ref.name"
        ).finished
        let cases = [
            (wish: "x.example.com/y:1", only: "a", skipped: "x.example.com/y:b", replaced: ["a"]),
            (wish: "x.example.com/y:a", only: "*:a", skipped: "x.example.com/y:b", replaced: []),
            (wish: "x.example.com/y", only: "x.example.com/y:a", skipped: "x.example.com/y:b", replaced: []),
        ]
        for (wish, only, skipped, replaced) in cases {
            try await withCache { cache, path async throws in
                let report = try await cache.importing(tags, at: path) { options in
                    options.name = try? ImageReference(wish)
                    options.only = [only]
                }
                #expect(report.images.map(\.descriptor.digest) == [Self.image.digest])
                #expect(Array(report.skipped) == [skipped] && report.replaced.map(\.name) == replaced)
                #expect(report.replaced.allSatisfy { $0.reference == wish })
            }
        }
        try await withCache { cache, path async throws in
            let tar = TestTar.layout([(Self.image, "Not/Usable:1"), (Self.second, Self.name)]).finished
            let report = try await cache.importing(tar, at: path) { $0.name = try? ImageReference("x.example.com/y") }
            #expect(report.replaced.map { "\($0.name) \($0.reference)" } == ["Not/Usable:1 x.example.com/y:1"])
            #expect(report.images.count == 2)
        }
    }

    @Test("A directory that skopeo writes for itself is told what it is, and what to do")
    func transportDirectory() async throws {
        try await withCache { cache, path async throws in
            let directory = "\(path)-synced"
            try Files.write("Directory Transport Version: 1.1\n", to: "\(directory)/x:1/version")
            try Files.write("{}", to: "\(directory)/x:1/manifest.json")
            for (place, reason) in [(directory, "skopeo sync --dest dir"), ("\(directory)/x:1", "skopeo copy … dir:")] {
                let error = await #expect(throws: CacheError.self) {
                    _ = try await ArchiveImporter(cache).run(.path(place))
                }
                #expect(error?.kind == .refusedArchive)
                let text = error.map { "\($0)" } ?? ""
                // Without --all one platform alone would be left of several.
                #expect(
                    text.contains(reason) && text.contains("'skopeo copy --all dir:DIRECTORY oci-archive:"),
                    "\(text)"
                )
            }
        }
    }
}
