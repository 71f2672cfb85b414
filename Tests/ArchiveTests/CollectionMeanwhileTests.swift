import Cache
import CacheSupport
import NIOCore
import OCI
import Testing

@testable import Archive

/// A collection without any grace beside an import whose files wait to be committed.
@Suite(.timeLimit(.minutes(10)))
struct CollectionMeanwhileTests {
    @Test("What waits stays while the import is at work, and goes when it has died")
    func waiting() async throws {
        let bytes = ByteBuffer(repeating: 7, count: 1000)
        let digest = Digest.of(bytes)
        let descriptor = try #require(Descriptor(mediaType: .octetStream, digest: digest, size: 1000))
        func stage(_ cache: ContentCache) async throws -> StagedFile {
            var writer = try cache.staging.writer(StagedFile.name(of: digest), algorithm: .sha256, size: 1000)
            try await writer.write(bytes)
            return try writer.finish()
        }
        func collected(_ path: String) async throws -> Int {
            try await ContentCache.with(configuration(path)) { other in
                try await other.collect(CollectionOptions(grace: .zero)).partials
            }
        }
        try await withCache { cache, path in
            let lock = try await cache.staging.begin()
            defer { lock.unlock() }
            let file = try await stage(cache)
            #expect(try await collected(path) == 0)
            try await cache.staging.commit([file])
            #expect(try cache.contains(descriptor))
        }
        try await withCache { cache, path in
            let place = "\(path)-left"
            _ = try await ContentCache.with(configuration(place)) { try await stage($0) }
            #expect(try await collected(place) == 1)
        }
    }
}
