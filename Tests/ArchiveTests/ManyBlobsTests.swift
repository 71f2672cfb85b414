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
}
