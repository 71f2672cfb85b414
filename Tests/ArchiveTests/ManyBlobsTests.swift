import Archive
import Cache
import CacheSupport
import NIOCore
import OCI
import TestSupport
import Testing

/// What an archive of hundreds of thousands of blobs costs, counted on one of thousands.
@Suite(.timeLimit(.minutes(10)))
struct ManyBlobsTests {
    private static let images = (0..<2).map { number in
        SampleImage.image(layers: (0..<2500).map { .init(seed: UInt64(number * 10_000 + $0), size: 24) })
    }

    @Test("Thousands of blobs go out, come in and are receipted, many in a transaction")
    func roundTrip() async throws {
        let names = ["docker.io/library/many:1", "docker.io/library/many:2"]
        try await withCache { cache, path in
            let sample = ArchiveSample(images: Array(zip(Self.images, names)).map { (image: $0.0, name: $0.1) })
            let count = sample.parts.count
            #expect(count > 5000)
            let before = cache.transactionCount
            let report = try await cache.importing(sample.archive(), at: path)
            #expect(report.blobs == count && report.images.count == 2)
            let spent = cache.transactionCount - before
            #expect(spent < count / 25, "\(spent) transactions for \(count) blobs")
            let images = try zip(Self.images, names).map { image, name in
                ArchiveDocument.Image(reference: try ImageReference(name), descriptor: image.top)
            }
            let plan = try await ArchivePlanner(cache).plan(ArchiveContents(images: images))
            #expect(plan.blobs.count == count)
            try await ArchiveOutput(cache).write(plan.volumes[0], to: .file(path: "\(path)-out.tar", overwrites: false))
            #expect(Int64(try Files.read("\(path)-out.tar").readableBytes) == plan.size)
            let receipt = try await Receipt(of: cache)
            #expect(receipt.blobs.count == count)
            try await withCache { far, _ in
                _ = try await ArchiveImporter(far).run(.path("\(path)-out.tar"))
                #expect(try await Receipt(of: far) == receipt)
                let again = try await ArchiveImporter(far).run(.path("\(path)-out.tar"))
                #expect(again.blobs == 0 && again.presentBlobs == count)
            }
        }
    }

    /// What docker saves of images that have nothing in common: members by name, and the list of them.
    private static func saved(_ count: Int) -> (members: [(name: String, text: String)], listing: String) {
        var members: [(name: String, text: String)] = []
        var items: [String] = []
        for number in 0..<count {
            let layer = "layer \(number)"
            let digest = Digest.of(ByteBuffer(string: layer))
            let config = #"{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":["\#(digest)"]}}"#
            let names = ("\(Digest.of(ByteBuffer(string: config)).hex).json", "\(digest.hex)/layer.tar")
            members += [(names.0, config), (names.1, layer)]
            items.append(
                #"{"Config":"\#(names.0)","RepoTags":["a.example.com/x:\#(number)"],"Layers":["\#(names.1)"]}"#
            )
        }
        return (members, "[\(items.joined(separator: ","))]")
    }

    @Test(
        "Of a docker archive of hundreds of images many blobs go in a transaction, the manifests that are made too, and again"
    )
    func docker() async throws {
        let (members, listing) = Self.saved(400)
        var tar = TestTar()
        for member in members { tar.add(member.name, text: member.text) }
        tar.add("manifest.json", text: listing)
        try await withCache { cache, path in
            for (number, name) in members.map(\.name).enumerated() {
                try Files.write(members[number].text, to: "\(path)-unpacked/\(name)")
            }
            try Files.write(listing, to: "\(path)-unpacked/manifest.json")
            var before = cache.transactionCount
            let report = try await cache.importing(tar.finished, at: path)
            #expect(report.blobs == 1200 && report.presentBlobs == 0 && report.images.count == 400)
            #expect(cache.transactionCount - before < 50, "\(cache.transactionCount - before) transactions")
            for source in [ArchiveSource.path("\(path).tar"), .path("\(path)-unpacked")] {
                before = cache.transactionCount
                let again = try await ArchiveImporter(cache).run(source)
                #expect(again.blobs == 0 && again.presentBlobs == 1200)
                #expect(again.images.allSatisfy { $0.outcome == .unchanged })
                #expect(cache.transactionCount - before < 20, "\(cache.transactionCount - before) transactions")
                #expect(try names("\(path)/ingest").isEmpty)
            }
            try await withCache { far, _ in
                let unpacked = try await ArchiveImporter(far).run(.path("\(path)-unpacked"))
                #expect(unpacked.blobs == 1200 && unpacked.images.count == 400)
                #expect(try await Receipt(of: far) == Receipt(of: cache))
            }
        }
    }

    @Test("A layout of thousands of blobs that are here already takes no transaction each")
    func foreignLayout() async throws {
        var tar = TestTar()
        tar.add("oci-layout", text: TestTar.marker)
        let image = SampleImage.image(layers: (0..<2000).map { .init(seed: UInt64(70_000 + $0), size: 24) })
        tar.add(image)
        tar.add("index.json", text: TestTar.index([(image.top, "a.example.com/many:1")]))
        try await withCache { cache, path in
            #expect(try await cache.importing(tar.finished, at: path).blobs == 2002)
            let before = cache.transactionCount
            let again = try await cache.importing(tar.finished, at: path)
            #expect(again.blobs == 0 && again.presentBlobs == 2002)
            #expect(cache.transactionCount - before < 20, "\(cache.transactionCount - before) transactions")
            #expect(try names("\(path)/ingest").isEmpty)
        }
    }

    @Test("Thousands of signatures of one image are listed many in a transaction")
    func referrers() async throws {
        let image = SampleImage.image(layers: [.init(seed: 81, size: 24)])
        let referrers = (0..<2000).map { SampleImage.artifact(of: image.top, content: "signature \($0)") }
        let name = "a.example.com/many:1"
        let tar = TestTar.layout([(image, name)] + referrers.map { ($0, nil) }).finished
        try await withCache { cache, path in
            for most in [200, 20] {
                let before = cache.transactionCount
                _ = try await cache.importing(tar, at: path)
                #expect(cache.transactionCount - before < most, "\(cache.transactionCount - before) transactions")
            }
            let listed = try await cache.referrers.here(of: image.digest, in: ImageReference(name).location)
            #expect(listed.map(\.digest) == referrers.map(\.digest))
        }
    }
}
