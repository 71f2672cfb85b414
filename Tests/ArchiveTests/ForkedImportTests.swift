import Archive
import Cache
import CacheSupport
import HeldChild
import NIOCore
import TestSupport
import Testing

/// An import beside a child that somebody else has forked and that does not run its own program yet: it has a copy of
/// every descriptor, so that closing one frees nothing.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct ForkedImportTests {
    @Test("A refused archive leaves nothing behind")
    func refusedArchive() async throws {
        let whole = TestTar.good.finished
        try await withCache { cache, path in
            for length in stride(from: 512, through: whole.readableBytes - 512, by: 512) {
                let child = held_child_begin()
                defer { held_child_end(child) }
                let cut = try #require(whole.getSlice(at: 0, length: length))
                await #expect(throws: CacheError.self) { try await cache.importing(cut, at: path) }
                #expect(try Files.list("\(path)/ingest") == [])
            }
        }
    }
}
