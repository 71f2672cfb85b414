import Archive
import Cache
import CacheSupport
import OCI
import TestSupport
import Testing

/// Archives that were unpacked, or packed again in another manner.
@Suite(.timeLimit(.minutes(10)))
struct RepackedArchiveTests {
    private static let image = SampleImage.image(layers: [.init(seed: 41, size: 30_000), .init(seed: 42, size: 700)])
    private static let name = "a.example.com/x:1"

    @Test("Volumes that were unpacked are read like the archives, with the parts in them")
    func unpackedVolumes() async throws {
        let sample = ArchiveSample(images: [(Self.image, Self.name)])
        let large = try #require(Self.image.blobs.first { $0.descriptor.size == 30_000 }).descriptor.digest
        let others = sample.parts.map(\.descriptor.digest).filter { $0 != large }
        try await withCache { cache, path async throws in
            for (number, volume) in try sample.volumes([others], splitting: [large: [10_000]]).enumerated() {
                try Files.write(volume, to: "\(path)-\(number).tar")
                try Files.makeDirectory("\(path)-\(number)")
                try await Tool.check("tar", ["-xf", "\(path)-\(number).tar", "-C", "\(path)-\(number)"])
                _ = try await ArchiveImporter(cache).run(.path("\(path)-\(number)"))
            }
            #expect(try await cache.tagged() == [Self.name: Self.image.digest])
            #expect(try names("\(path)/ingest").isEmpty)
        }
    }

    @Test(
        "A tar archive may be of any format that tar(1) writes",
        arguments: ["v7", "oldgnu", "gnu", "ustar", "posix"]
    )
    func formats(format: String) async throws {
        try await withCache { cache, path async throws in
            try Files.write(TestTar.layout([(Self.image, Self.name)]).finished, to: "\(path).tar")
            try Files.makeDirectory("\(path)-x")
            try await Tool.check("tar", ["-xf", "\(path).tar", "-C", "\(path)-x"])
            try await Tool.check("tar", ["--format=\(format)", "-cf", "\(path)-y.tar", "-C", "\(path)-x", "."])
            _ = try await ArchiveImporter(cache).run(.path("\(path)-y.tar"))
            #expect(try await cache.tagged() == [Self.name: Self.image.digest])
        }
    }
}
