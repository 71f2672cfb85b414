import Archive
import Cache
import CacheSupport
import NIOCore
import OCI
import Synchronization
import TestSupport
import Testing

/// The cache loses what an archive brings as well, while the archive is read.
@Suite(.timeLimit(.minutes(10)))
struct LostMeanwhileTests {
    private static let name = "a.example.com/x:1"

    /// Imports an image a second time, and takes its layer out of the cache once that has passed.
    private static func importing(_ image: SampleImage, losing layer: Digest) async throws -> CacheError? {
        var result: CacheError?
        try await withCache { cache, path async throws in
            var tar = TestTar()
            tar.add("oci-layout", text: TestTar.marker)
            tar.add("index.json", text: TestTar.index([(image.top, name)]))
            let parts = image.blobs + image.manifests
            for part in parts.sorted(by: { $0.descriptor.size > $1.descriptor.size }) { tar.add(part) }
            try await cache.importing(tar.finished, at: path)
            let last = tar.finished.readableBytes - 100
            let passed = Mutex(0)
            result = await #expect(throws: CacheError.self) {
                try await cache.importing(tar.finished, at: path) { options in
                    options.onBytes = { count in
                        let isLate = passed.withLock { sum in
                            sum += count
                            return sum > last
                        }
                        if isLate { try? Files.remove("\(path)/\(TestTar.name(layer))") }
                    }
                }
            }
            let again = try await cache.importing(tar.finished, at: path)
            #expect(again.images.map { "\($0.reference)" } == [name])
        }
        return result
    }

    @Test("An import that relied on the cache's copy says that it is lost, and importing again helps")
    func layer() async throws {
        let image = SampleImage.image(layers: [.init(seed: 95, size: 3_000_000)])
        let layer = image.blobs[1].descriptor.digest
        let text = try await Self.importing(image, losing: layer).map { "\($0)" } ?? ""
        #expect(text.contains("\(layer) of it was in the cache") && text.contains("import it again"), "\(text)")
    }

    @Test("A manifest that is damaged in the cache is healed by an archive that brings it", arguments: [true, false])
    func damagedManifest(isOurs: Bool) async throws {
        let image = SampleImage.image(layers: [.init(seed: 97, size: 3000)])
        let images = [(image: image, name: Self.name)]
        let archive = isOurs ? try ArchiveSample(images: images).archive() : TestTar.layout(images).finished
        try await withCache { cache, path async throws in
            try await cache.importing(archive, at: path)
            let place = "\(path)/\(TestTar.name(image.digest))"
            let sound = try Files.read(place)
            var rotten = sound
            rotten.flipByte(at: 50)
            try Files.remove(place)
            try Files.write(rotten, to: place)
            let report = try await cache.importing(archive, at: path)
            #expect(report.images.map { "\($0.reference)" } == [Self.name])
            #expect(try Files.read(place) == sound)
            #expect(try await cache.verify().findings.isEmpty)
        }
    }

    @Test("A platform that the archive holds is not taken for one that it lacks")
    func platform() async throws {
        let index = SampleImage.multiPlatform(seed: 96, layerSize: 1_500_000)
        let layer = try #require(index.blobs.last).descriptor.digest
        let text = try await Self.importing(index, losing: layer).map { "\($0)" } ?? ""
        #expect(text.contains("\(layer) of it was in the cache"), "\(text)")
    }
}
