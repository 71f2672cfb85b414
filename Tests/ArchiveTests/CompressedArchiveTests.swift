import Archive
import Cache
import CacheSupport
import NIOCore
import OCI
import TestSupport
import Testing

/// Archives as other programs compress them.
@Suite(.timeLimit(.minutes(10)))
struct CompressedArchiveTests {
    /// A program, its arguments, and whether more memory is asked for than an import gives.
    private static let programs: [(name: String, arguments: [String])] = [
        ("gzip", ["-nc"]), ("gzip", ["-nc9"]), ("zstd", ["-qc"]), ("zstd", ["-qc19"]), ("zstd", ["-qc", "--no-check"]),
        ("zstd", ["-qc", "--fast=5"]), ("xz", ["-c"]), ("xz", ["-c0"]), ("xz", ["-c8e"]),
        ("xz", ["-c", "--check=none"]),
        ("xz", ["-c", "--block-size=65536"]),
    ]

    /// Larger than what is decompressed at a time, in parts easy and hard to compress.
    private static let image = SampleImage.image(
        layers: [.init(seed: 31, size: 2_500_000), .init(seed: 32, size: 1_048_576)]
    )

    @Test("An archive is read however it is compressed, in one piece or in several", arguments: programs.indices)
    func whole(_ index: Int) async throws {
        let (name, arguments) = Self.programs[index]
        let archive = TestTar.layout([(Self.image, TestTar.name)]).finished
        let middle = archive.readableBytes / 2
        var pieces = ByteBuffer()
        for range in [0..<middle, middle..<archive.readableBytes] {
            let piece = try #require(archive.getSlice(at: range.lowerBound, length: range.count))
            pieces.writeImmutableBuffer(try await Self.compress(piece, name, arguments))
        }
        for bytes in [try await Self.compress(archive, name, arguments), pieces] {
            try await withCache { cache, path async throws in
                try await cache.importing(bytes, at: path)
                #expect(try await cache.tagged() == [TestTar.name: Self.image.digest])
            }
        }
    }

    @Test("A frame that is passed over may come first, as pzstd writes it", arguments: [0x50, 0x5F] as [UInt8])
    func skippable(first: UInt8) async throws {
        var bytes = ByteBuffer(bytes: [first, 0x2A, 0x4D, 0x18, 4, 0, 0, 0, 1, 2, 3, 4])
        bytes.writeImmutableBuffer(try await Self.compress(TestTar.good.finished, "zstd", ["-qc"]))
        try await withCache { cache, path async throws in
            try await cache.importing(bytes, at: path)
            #expect(try await cache.tagged() == [TestTar.name: TestTar.image.digest])
        }
    }

    @Test("Between streams of xz and behind them stand zeros, in fours", arguments: [4, 8, 1_200_000, 3])
    func padding(count: Int) async throws {
        let archive = TestTar.good.finished
        var pieces = ByteBuffer()
        for range in [0..<700, 700..<archive.readableBytes] {
            let piece = try #require(archive.getSlice(at: range.lowerBound, length: range.count))
            pieces.writeImmutableBuffer(try await Self.compress(piece, "xz", ["-c"]))
            pieces.writeRepeatingByte(0, count: count)
        }
        guard count % 4 == 0 else { return try await Self.expectRefusal(pieces, "its compressed data is damaged") }
        try await withCache { cache, path async throws in
            try await cache.importing(pieces, at: path)
            #expect(try await cache.tagged() == [TestTar.name: TestTar.image.digest])
        }
    }

    @Test("A compressed archive that is cut or followed by other bytes is refused", arguments: ["zstd", "xz"])
    func damaged(_ name: String) async throws {
        let whole = try await Self.compress(TestTar.good.finished, name, ["-qc"])
        for length in [20, whole.readableBytes / 2, whole.readableBytes - 1] {
            try await Self.expectRefusal(try #require(whole.getSlice(at: 0, length: length)), "ends too early")
        }
        var changed = whole
        changed.flipByte(at: whole.readableBytes - 3)
        try await Self.expectRefusal(changed, "")
        var followed = whole
        followed.writeString(String(repeating: "garbage", count: 10))
        try await Self.expectRefusal(followed, "its compressed data is damaged")
    }

    @Test("What asks for more memory than an import has is refused, and the text says what to do")
    func memory() async throws {
        let archive = TestTar.good.finished
        let zstd = try await Self.compress(archive, "zstd", ["-qc", "--ultra", "-22", "--long=31", "--zstd=wlog=31"])
        let xz = try await Self.compress(archive, "xz", ["-qc", "--lzma2=dict=1GiB"])
        try await Self.expectRefusal(zstd, "'zstd -dc FILE | imglife import -'")
        try await Self.expectRefusal(xz, "'xz -dc FILE | imglife import -'")
    }

    private static func expectRefusal(_ bytes: ByteBuffer, _ reason: String) async throws {
        try await withCache { cache, path async throws in
            let error = await #expect(throws: CacheError.self) { try await cache.importing(bytes, at: path) }
            #expect(error?.kind == .refusedArchive)
            #expect("\(error.map { "\($0)" } ?? "")".contains(reason), "\(error.map { "\($0)" } ?? "")")
            #expect(try names("\(path)/ingest").isEmpty)
        }
    }

    private static func compress(_ bytes: ByteBuffer, _ name: String, _ arguments: [String]) async throws -> ByteBuffer
    {
        ByteBuffer(bytes: try await Tool.check(name, arguments, stdin: Array(bytes.readableBytesView)).stdout)
    }
}
