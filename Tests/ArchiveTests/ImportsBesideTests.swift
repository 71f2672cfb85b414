import Cache
import CacheSupport
import NIOCore
import OCI
import TestSupport
import Testing

@testable import Archive

/// Two imports of the same archive, or of volumes of one set, at the same time.
@Suite(.timeLimit(.minutes(5)))
struct ImportsBesideTests {
    @Test("What another import of the same has made a blob of meanwhile is read there")
    func committed() async throws {
        let image = SampleImage.image(layers: [.init(seed: 91, size: 700)])
        try await withCache { cache, _ in
            let (first, second) = (ImportStage(cache), ImportStage(cache))
            let bytes = image.topBytes
            var writer = try first.writer(StagedFile.name(of: image.digest), size: image.top.size)
            try await writer.write(bytes)
            try await first.add(try writer.finish())
            #expect(try await second.takeOver(image.digest, size: image.top.size))
            let manifest = try #require(try second.manifest(image.top))
            try await cache.staging.commit(
                [try #require(second.ledger.staged(image.digest))],
                as: [image.digest: manifest]
            )
            #expect(try first.manifest(image.top)?.bytes == bytes)
            #expect(try first.contents(image.digest, limit: 1 << 20) == bytes)
            #expect(try first.contents(image.digest, limit: 10) == nil)
            try await cache.staging.commit(
                [try #require(first.ledger.staged(image.digest))],
                as: [image.digest: manifest]
            )
        }
    }

    @Test(
        "A staged file that another import takes over is committed by whoever comes first, and removed by neither",
        arguments: [true, false]
    )
    func takenOver(isFirstRefused: Bool) async throws {
        let bytes = ByteBuffer(repeating: 7, count: 1000)
        let blob = Descriptor(mediaType: .octetStream, bytes: bytes)
        try await withCache { cache, _ in
            let (first, second) = (ImportStage(cache), ImportStage(cache))
            var writer = try first.writer(StagedFile.name(of: blob.digest), size: blob.size)
            try await writer.write(bytes)
            try await first.add(try writer.finish())
            #expect(try await second.takeOver(blob.digest, size: blob.size))
            let (refused, other) = isFirstRefused ? (first, second) : (second, first)
            let file = try #require(other.ledger.staged(blob.digest))
            refused.discard()
            try await cache.staging.commit([file])
            #expect(try cache.contains(blob))
        }
    }

    @Test(
        "What an archive without digests brings as well is left to the import that waits with it, also where it is refused"
    )
    func unnamed() async throws {
        let bytes = ByteBuffer(repeating: 7, count: 1000)
        let blob = Descriptor(mediaType: .octetStream, bytes: bytes)
        let made = try Manifest(bytes: TestTar.image.topBytes, contentType: nil)
        try await withCache { cache, _ in
            let (first, second) = (ImportStage(cache), ImportStage(cache))
            var writer = try first.writer(StagedFile.name(of: blob.digest), size: blob.size)
            try await writer.write(bytes)
            try await first.add(try writer.finish())
            try await first.add(made: made)
            var other = try second.writer(nil, size: blob.size)
            try await other.write(bytes)
            try await second.addUnnamed(try other.finish())
            try await second.add(made: made)
            second.discard()
            #expect(try first.manifest(made.descriptor)?.bytes == made.bytes)
            try await cache.staging.commit([try #require(first.ledger.staged(blob.digest))])
            #expect(try cache.contains(blob))
        }
    }

    @Test("A config that is gone is not called too large")
    func goneConfig() async throws {
        try await withCache { cache, _ in
            let file = DockerImages.File(digest: .of(ByteBuffer()), size: 20, compression: nil, isText: true)
            let error = await #expect(throws: ArchiveRefusal.self) {
                let images = DockerImages(
                    file: { _ in file },
                    contents: { _ in nil },
                    unpacked: UnpackedLayers(ImportStage(cache))
                )
                let item = try JSONValue(parsing: ByteBuffer(string: #"{"Config":"config.json","Layers":[]}"#))
                _ = try await images.manifest(item)
            }
            #expect(error == ImportExamination.removed(file.digest))
        }
    }

    @Test("A file is left to the import that has ended it, whatever size an archive gives it", arguments: [999, 1000])
    func ended(size: Int64) async throws {
        let bytes = ByteBuffer(repeating: 7, count: 1000)
        let blob = Descriptor(mediaType: .octetStream, bytes: bytes)
        try await withCache { cache, path in
            let stage = ImportStage(cache)
            var writer = try stage.writer(StagedFile.name(of: blob.digest), size: blob.size)
            try await writer.write(bytes)
            let file = try writer.finish()
            let other = try stage.writer(StagedFile.name(of: blob.digest), size: size)
            #expect(other.name != file.name)
            other.abandon(keepsPartial: false)
            try await cache.staging.commit([file])
            #expect(try names("\(path)/ingest").isEmpty)
        }
    }

    /// Parts of one blob.
    private static func parts(of blob: ArchiveDocument.Blob, _ bytes: ByteBuffer) -> [ArchiveDocument.Part] {
        let half = bytes.readableBytes / 2
        return [0, 1].map { index in
            ArchiveDocument.Part(
                blob: blob,
                index: index,
                offset: Int64(index * half),
                length: Int64(half),
                digest: .of(bytes.getSlice(at: index * half, length: half) ?? ByteBuffer())
            )
        }
    }

    @Test("Two imports write parts of one blob at once, and neither takes away what the other has brought or relies on")
    func partsAtOnce() async throws {
        let bytes = ByteBuffer(bytes: (0..<2000).map { _ in UInt8.random(in: 0...255) })
        let blob = ArchiveDocument.Blob(digest: .of(bytes), size: 2000)
        let parts = Self.parts(of: blob, bytes)
        try await withCache { cache, path in
            let (first, second, third) = (
                ImportParts(cache, of: nil), ImportParts(cache, of: nil), ImportParts(cache, of: nil)
            )
            var writers = [
                try #require(try await first.writer(for: parts[0])),
                try #require(try await second.writer(for: parts[1])),
            ]
            for (index, half) in [0..<1000, 1000..<2000].enumerated() {
                try writers[index].write(bytes.getSlice(at: half.lowerBound, length: half.count) ?? ByteBuffer())
            }
            try writers[1].finish()
            writers[1].giveUp()
            // Of the second archive the rest was bad, while the first one still writes.
            second.discard()
            try writers[0].finish()
            writers[0].giveUp()
            #expect(try await third.writer(for: parts[0]) == nil)
            // The third import relies on what the first one takes back.
            first.discard()
            var again = try #require(try await third.writer(for: parts[1]))
            try again.write(bytes.getSlice(at: 1000, length: 1000) ?? ByteBuffer())
            try again.finish()
            again.giveUp()
            let marks = try #require(try third.marks(of: blob))
            let joined = try await third.join(blob, marks)
            third.release()
            try await cache.staging.commit([joined])
            #expect(try contents(file(blob.digest, in: path)) == bytes)
        }
    }

    @Test("Volumes that come to their ends at once miss nothing of each other")
    func endsAtOnce() async throws {
        let image = SampleImage.multiPlatform(layerSize: 30_000)
        let sample = ArchiveSample(images: [(image, "a.example.com/x:1")])
        let large = try #require(image.blobs.first { $0.descriptor.size == 30_000 }).descriptor.digest
        let others = sample.parts.map(\.descriptor.digest).filter { $0 != large }
        let volumes = try sample.volumes([others], splitting: [large: [10_000, 20_000]])
        for _ in 0..<5 {
            try await TemporaryDirectory.with { path async throws in
                let configuration = configuration("\(path)/cache", clock: ContinuousClock())
                try await ContentCache.with(configuration) { cache async throws in
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for (number, volume) in volumes.enumerated() {
                            group.addTask { _ = try await cache.importing(volume, at: "\(path)/\(number)") }
                        }
                        try await group.waitForAll()
                    }
                    #expect(try await cache.tagged() == ["a.example.com/x:1": image.digest])
                    #expect(try names("\(path)/cache/ingest").isEmpty)
                }
            }
        }
    }
}
