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
            let usage = try await cache.inventory.usage()
            #expect(usage.staged == 1 && usage.stagedBytes >= 1000 && usage.partials == 0 && usage.partialBytes == 0)
            try await cache.staging.commit([file])
            #expect(try cache.contains(descriptor))
            #expect(try await cache.inventory.usage().staged == 0)
        }
        try await withCache { cache, path in
            let place = "\(path)-left"
            _ = try await ContentCache.with(configuration(place)) { try await stage($0) }
            // What was half written when its import died is what a download goes on with as well.
            try await ContentCache.with(configuration(place)) { cache in
                let name = StagedFile.name(of: .of(ByteBuffer(string: "half")))
                var writer = try cache.staging.writer(name, algorithm: .sha256, size: 4)
                try await writer.write(ByteBuffer(string: "ha"))
                writer.abandon(keepsPartial: true)
                let usage = try await cache.inventory.usage()
                #expect(usage.staged == 1 && usage.partials == 1)
            }
            #expect(try await collected(place) == 2)
        }
    }

    @Test("What an import has staged for longer than a day stays while it is at work, whoever collects")
    func longImport() async throws {
        let bytes = ByteBuffer(repeating: 7, count: 1000)
        try await withCache { cache, path in
            let lock = try await cache.staging.begin()
            defer { lock.unlock() }
            var files: [StagedFile] = []
            for name in [StagedFile.name(of: .of(bytes)), nil] {
                var writer = try cache.staging.writer(name, algorithm: .sha256, size: 1000)
                try await writer.write(bytes)
                files.append(try writer.finish())
            }
            let clock = WallClock()
            clock.advance(days: 3)
            var later = configuration(path)
            later.now = clock.now
            try await ContentCache.with(later) { other async throws in
                #expect(try await other.collect().partials == 0)
            }
            for file in files { try await cache.staging.commit([file]) }
            #expect(try names("\(path)/ingest").isEmpty)
        }
    }
}
