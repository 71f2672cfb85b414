import Cache
import CacheSupport
import NIOCore
import OCI
import TestSupport
import Testing

/// What of a blob under way is read from memory, and what from its file.
@Suite(.timeLimit(.minutes(10)))
struct RecentPieceTests {
    /// Gives pieces of 256 KiB, as many as it is allowed to.
    private struct Source: ContentSource {
        let place = "registry.example.com/app"
        let origin: RepositoryReference? = nil
        let content: ByteBuffer
        let allowed: Watched<Int>

        func manifest(_ descriptor: Descriptor) async throws -> Manifest { throw FakeSource.Failure() }

        func readBlob(
            _ descriptor: Descriptor,
            from offset: Int64,
            ahead _: (any ScratchSpace)?,
            deliver: (ByteBuffer) async throws -> Void
        ) async throws {
            for number in 0..<content.readableBytes / RecentPieceTests.piece {
                try await allowed.wait { $0 > number }
                let piece = content.viewBytes(at: number * RecentPieceTests.piece, length: RecentPieceTests.piece)
                try await deliver(ByteBuffer(bytes: try #require(piece)))
            }
        }
    }

    private static let piece = 256 << 10

    @Test("Who follows closely gets what was written last from memory, who is late from the file")
    func closely() async throws {
        let content = bytes(16 * Self.piece)
        let allowed = Watched(1)
        try await withCache { cache, path in
            let reader = try await cache.follow(blob(content), from: Source(content: content, allowed: allowed))
            let first = try await reader.read(at: 0, atMost: Self.piece)
            #expect(first == content.getSlice(at: 0, length: first.readableBytes))
            allowed.update { $0 = 8 }
            _ = try await reader.read(at: Int64(8 * Self.piece) - 1, atMost: 1)
            let unfinished = partial(blob(content).digest, in: path)
            let written = try contents(unfinished)
            #expect(written == content.getSlice(at: 0, length: 8 * Self.piece))
            try write(ByteBuffer(repeating: 0, count: written.readableBytes), to: unfinished)
            // In the middle of the last piece, and across the end of the one before it.
            for start in [7 * Self.piece + 1000, 7 * Self.piece - 100_000] {
                let piece = try await reader.read(at: Int64(start), atMost: Self.piece)
                #expect(piece.readableBytes >= 100_000)
                #expect(piece == content.getSlice(at: start, length: piece.readableBytes))
            }
            let late = try await reader.read(at: 0, atMost: 100)
            #expect(late == ByteBuffer(repeating: 0, count: 100))
            try write(written, to: unfinished)
            allowed.update { $0 = 16 }
            #expect(try await reader.all() == content)
            #expect(try contents(file(blob(content).digest, in: path)) == content)
        }
    }
}
