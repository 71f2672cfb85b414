import Archive
import Cache
import CacheSupport
import NIOCore
import OCI
import TestSupport
import Testing

/// What refers to an image, and what refers to that, in an archive and across it.
@Suite(.timeLimit(.minutes(10)))
struct ArchivedReferrerTests {
    private static let image = SampleImage.image(layers: [.init(seed: 61, size: 40_000)])
    private static let bill = SampleImage.artifact(of: image.top, content: "bill of materials")
    private static let signature = SampleImage.artifact(of: bill.top, content: "signature of the bill")
    private static let name = "a.example.com/x:1"

    /// What an archive of the image is made of, with all that refers to it.
    private static func contents(_ volumeSize: Int64? = nil) throws -> ArchiveContents {
        let reference = try ImageReference(name)
        var contents = ArchiveContents(images: [.init(reference: reference, descriptor: image.top)])
        contents.referrers = [bill, signature].map { .init(repository: reference.location, descriptor: $0.top) }
        contents.volumeSize = volumeSize
        return contents
    }

    /// A cache that holds the image and its referrers.
    private static func filled(_ body: (ContentCache, _ path: String) async throws -> Void) async throws {
        try await withCache { cache, path async throws in
            var tar = TestTar.layout([(image, name), (bill, nil)])
            tar.add(signature)
            try await cache.importing(tar.finished, at: path)
            try await body(cache, path)
        }
    }

    private static func expectAll(in cache: ContentCache) async throws {
        let location = try ImageReference(name).location
        #expect(try await cache.tagged() == [name: image.digest])
        #expect(try await cache.referrers.here(of: image.digest, in: location).map(\.digest) == [bill.digest])
        #expect(try await cache.referrers.here(of: bill.digest, in: location).map(\.digest) == [signature.digest])
        for blob in [bill, signature].flatMap({ $0.blobs + $0.manifests }) {
            #expect(try cache.contains(blob.descriptor))
        }
        #expect(try await cache.collect(CollectionOptions(grace: .zero)).blobs == 0)
    }

    @Test(
        "An image, its bill of materials and that one's signature arrive whole, also in volumes",
        arguments: [false, true]
    )
    func whole(inVolumes: Bool) async throws {
        try await Self.filled { cache, path async throws in
            let plan = try await ArchivePlanner(cache).plan(Self.contents(inVolumes ? 44 << 10 : nil))
            #expect((plan.volumes.count > 1) == inVolumes)
            try await withCache { far, _ async throws in
                for (number, volume) in plan.volumes.enumerated().reversed() {
                    let file = "\(path)-\(number).tar"
                    try await ArchiveOutput(cache).write(volume, to: .file(path: file, overwrites: false))
                    _ = try await ArchiveImporter(far).run(.path(file))
                }
                try await Self.expectAll(in: far)
            }
        }
    }

    @Test(
        "Of volumes of which --only chose one image what refers to the others is neither awaited nor kept",
        arguments: ["a.example.com/x:2", "b.example.com/y:2"],
        [false, true]
    )
    func unchosen(name: String, isReversed: Bool) async throws {
        let chosen = SampleImage.image(layers: [.init(seed: 63, size: 50_000)])
        try await Self.filled { cache, path async throws in
            try await cache.importing(TestTar.layout([(chosen, name)]).finished, at: path)
            var contents = try Self.contents(44 << 10)
            contents.images.append(try ImageReference(name), chosen.top)
            let volumes = Array(try await ArchivePlanner(cache).plan(contents).volumes.enumerated())
            let far = configuration("\(path)-far")
            try await ContentCache.with(far) { far async throws in
                for (number, volume) in isReversed ? volumes.reversed() : volumes {
                    let file = "\(path)-\(number).tar"
                    try await ArchiveOutput(cache).write(volume, to: .file(path: file, overwrites: false))
                    var options = ImportOptions()
                    options.only = ["*:2"]
                    let report = try await ArchiveImporter(far).run(.path(file), options)
                    let isWhole = try await far.tagged() == [name: chosen.digest]
                    if name.hasPrefix("b."), isWhole { #expect(report.volumes == nil) }
                }
                #expect(try await far.tagged() == [name: chosen.digest])
            }
            // As a process of its own would: what an import has touched its scope keeps.
            try await ContentCache.with(far) { _ = try await $0.collect(CollectionOptions(grace: .zero)) }
            let parts = ArchiveSample(images: [(chosen, name)]).parts
            #expect(try names("\(path)-far/blobs/sha256").count == parts.count)
        }
    }

    @Test("A cache's own directory is taken in with what refers to its images, whose lists become no names")
    func directory() async throws {
        try await Self.filled { cache, path async throws in
            try await cache.writeLayout()
            try await withCache { far, _ async throws in
                _ = try await ArchiveImporter(far).run(.path(path))
                try await Self.expectAll(in: far)
            }
        }
    }

    @Test("What refers to a manifest within a referrer that is an index is listed in the image's repository")
    func withinIndex() async throws {
        let member = SampleImage.image(layers: [.init(seed: 62, size: 500)])
        let index = SampleImage.index(of: [member], subject: Self.image.top)
        let signature = SampleImage.artifact(of: member.top, content: "signature of a member")
        try await withCache { cache, path async throws in
            var tar = TestTar.layout([(Self.image, Self.name), (index, nil)])
            tar.add(signature)
            try await cache.importing(tar.finished, at: path)
            let location = try ImageReference(Self.name).location
            #expect(
                try await cache.referrers.here(of: Self.image.digest, in: location).map(\.digest) == [index.digest]
            )
            let found = try await cache.referrers.here(of: member.digest, in: location).map(\.digest)
            #expect(found == [signature.digest])
        }
    }

    @Test("With a receipt of the image its referrers still arrive")
    func since() async throws {
        try await Self.filled { cache, path async throws in
            try await withCache { far, farPath async throws in
                let sample = ArchiveSample(images: [(Self.image, Self.name)])
                try await far.importing(sample.archive(), at: farPath)
                var contents = try Self.contents()
                contents.receipts = [try await Receipt(of: far)]
                let plan = try await ArchivePlanner(cache).plan(contents)
                #expect(!plan.omitted.isEmpty)
                try await ArchiveOutput(cache).write(
                    plan.volumes[0],
                    to: .file(path: "\(path)-delta.tar", overwrites: false)
                )
                _ = try await ArchiveImporter(far).run(.path("\(path)-delta.tar"))
                try await Self.expectAll(in: far)
            }
        }
    }

    @Test("The archive's index lists each referrer, and the list of each subject under the tag that others look for")
    func listed() async throws {
        try await Self.filled { cache, path async throws in
            let unpacked = try await Self.unpackedArchive(of: cache, at: path)
            let index = try JSONValue(parsing: Files.read("\(unpacked)/index.json"))
            let entries = try #require(index["manifests"]?.elements)
            let nameless = Set(
                entries.filter { $0["annotations"]?["org.opencontainers.image.ref.name"] == nil }
                    .compactMap { $0["digest"]?.string }
            )
            #expect(nameless == Set([Self.bill, Self.signature].map { "\($0.digest)" }))
            for (subject, referrer) in [(Self.image, Self.bill), (Self.bill, Self.signature)] {
                let tag = "a.example.com/x:sha256-\(subject.digest.hex)"
                let list = try #require(
                    entries.first { $0["annotations"]?["org.opencontainers.image.ref.name"]?.string == tag }
                )
                let digest = try Digest(try #require(list["digest"]?.string))
                let bytes = try Files.read("\(unpacked)/\(TestTar.name(digest))")
                #expect(Digest.of(bytes) == digest)
                let manifest = try Manifest(bytes: bytes, contentType: .ociIndex)
                #expect(manifest.references.map(\.digest) == [referrer.digest])
            }
            // The lists are for others: an import makes its own.
            try await withCache { far, farPath async throws in
                _ = try await ArchiveImporter(far).run(.path("\(path)-a.tar"))
                try await Self.expectAll(in: far)
                #expect(try names("\(farPath)/ingest").isEmpty)
            }
        }
    }

    @Test("An archive that is unpacked and used as a cache has no other names than the cache that wrote it")
    func usedAsCache() async throws {
        try await Self.filled { cache, path async throws in
            let unpacked = try await Self.unpackedArchive(of: cache, at: path)
            try await ContentCache.with(configuration(unpacked)) { cache in
                try await Self.expectAll(in: cache)
                try await cache.writeLayout()
                try await Self.expectAll(in: cache)
                #expect(try await cache.names.remove("1", of: ImageReference(Self.name).location))
                _ = try await cache.collect(CollectionOptions(grace: .zero))
            }
            #expect(try names("\(unpacked)/blobs/sha256").isEmpty)
        }
    }

    /// - Returns: where the files of the cache's archive are.
    private static func unpackedArchive(of cache: ContentCache, at path: String) async throws -> String {
        let plan = try await ArchivePlanner(cache).plan(contents())
        try await ArchiveOutput(cache).write(plan.volumes[0], to: .file(path: "\(path)-a.tar", overwrites: false))
        try Files.makeDirectory("\(path)-x")
        try await Tool.check("tar", ["-C", "\(path)-x", "-xf", "\(path)-a.tar"])
        return "\(path)-x"
    }
}
