import Archive
import Cache
import CacheSupport
import NIOCore
import OCI
import TestSupport
import Testing

/// Archives that must leave no trace.
@Suite(.timeLimit(.minutes(10)))
struct HostileArchiveTests {
    /// What of a cache a refused import could have changed.
    private struct Traces: Equatable {
        let blobs: [String]
        let ingest: [String]
        let index: ByteBuffer
        let tags: [RepositoryReference]

        init(_ cache: ContentCache, _ path: String) async throws {
            blobs = try Files.tree("\(path)/blobs")
            ingest = try names("\(path)/ingest")
            index = try contents("\(path)/index.json")
            tags = try await cache.names.locations()
        }
    }

    /// Expects one line that names the file and says why, and a cache that is as it was.
    private static func expectRefusal(_ bytes: ByteBuffer, _ reason: String, compressed: Bool = false) async throws {
        try await withCache { try await expectRefusal(bytes, reason, compressed: compressed, by: $0, at: $1) }
    }

    private static func expectRefusal(
        _ bytes: ByteBuffer,
        _ reason: String,
        compressed: Bool = false,
        by cache: ContentCache,
        at path: String
    ) async throws {
        let file = "\(path).tar"
        try write(bytes, to: file)
        if compressed { try await Tool.check("gzip", ["-n", "-S", ".x", "-f", file]) }
        let before = try await Traces(cache, path)
        let error = await #expect(throws: CacheError.self) {
            _ = try await ArchiveImporter(cache).run(.path(compressed ? "\(file).x" : file))
        }
        let text = "\(error.map { "\($0)" } ?? "")"
        #expect(error?.kind == .refusedArchive, "\(text)")
        #expect(text.hasPrefix("cannot import \(file)"))
        #expect(text.contains(reason), "\(text)")
        #expect(!text.unicodeScalars.contains { $0.isUnsafeToDisplay })
        let after = try await Traces(cache, path)
        #expect(after == before)
    }

    @Test("A hostile archive is refused with its reason and leaves nothing behind", arguments: HostileArchive.all)
    func refused(_ archive: HostileArchive) async throws {
        try await Self.expectRefusal(archive.bytes, archive.reason)
    }

    @Test("The same archives are refused when they are compressed")
    func compressed() async throws {
        for archive in HostileArchive.all.filter({ $0.reason.hasPrefix("holds other") || $0.reason.contains("FIFO") }) {
            try await Self.expectRefusal(archive.bytes, archive.reason, compressed: true)
        }
    }

    @Test("There are enough of them, and their reasons are not all the same")
    func corpus() {
        #expect(HostileArchive.all.count >= 100)
        #expect(Set(HostileArchive.all.map(\.reason)).count >= 60)
        #expect(Set(HostileArchive.all.map(\.testDescription)).count == HostileArchive.all.count)
    }

    @Test("An archive that is cut at any block is refused, compressed or not, and the whole one is not")
    func truncated() async throws {
        let own = try ArchiveSample(images: [(TestTar.image, TestTar.name)]).archive()
        for whole in [TestTar.good.finished, own, HostileArchive.goodDocker] {
            // One that was refused leaves nothing behind, so that they can have one cache.
            try await withCache { cache, path async throws in
                for length in stride(from: 512, through: whole.readableBytes - 512, by: 512) {
                    let bytes = try #require(whole.getSlice(at: 0, length: length))
                    try await Self.expectRefusal(bytes, "too early", by: cache, at: path)
                }
                try await cache.importing(whole, at: path)
                #expect(try await cache.tagged().keys.sorted() == [TestTar.name])
            }
        }
    }

    @Test("A compressed archive that is cut, changed or followed by other bytes is refused")
    func compression() async throws {
        let whole = try await gzip(TestTar.good.finished)
        for length in [20, whole.readableBytes / 2, whole.readableBytes - 1] {
            try await Self.expectRefusal(try #require(whole.getSlice(at: 0, length: length)), "ends too early")
        }
        var changed = whole
        changed.flipByte(at: whole.readableBytes / 2)
        try await Self.expectRefusal(changed, "")
        var checksum = whole
        checksum.flipByte(at: whole.readableBytes - 6)
        try await Self.expectRefusal(checksum, "its compressed data is damaged")
        var followed = whole
        followed.writeString("garbage")
        try await Self.expectRefusal(followed, "its compressed data is damaged")
    }

    @Test("A bomb is refused by its ratio long before it has filled a disk")
    func bomb() async throws {
        let zeros = try await gzip(ByteBuffer(repeating: 0, count: 16 << 20))
        var bomb = ByteBuffer()
        var tar = TestTar.head
        tar.add("blobs/sha256/\(String(repeating: "0", count: 64))") {
            $0.size = TestTar.Header.octal(1 << 30, digits: 11)
        }
        bomb.writeImmutableBuffer(try await gzip(ByteBuffer(bytes: tar.bytes)))
        for _ in 0..<64 { bomb.writeImmutableBuffer(zeros) }
        try await Self.expectRefusal(bomb, "more than 200 times its size")
    }

    private func gzip(_ bytes: ByteBuffer) async throws -> ByteBuffer {
        let result = try await Tool.check("gzip", ["-nc"], stdin: Array(bytes.readableBytesView))
        return ByteBuffer(bytes: result.stdout)
    }
}
