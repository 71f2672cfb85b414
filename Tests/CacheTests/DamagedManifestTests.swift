import CacheSupport
import Glibc
import NIOCore
import OCI
import TestSupport
import Testing

@testable import Cache

@Suite(.timeLimit(.minutes(10)))
struct DamagedManifestTests {
    @Test("A damaged manifest that cannot be put aside is news once, and is missing until another is in its place")
    func told() async throws {
        let image = SampleImage.image(layers: [.init(seed: 921, size: 5000)])
        try await TemporaryDirectory.with { path in
            try await ContentCache.with(configuration("\(path)/cache")) { cache async throws in
                try await NamesTests.store(image, in: cache, as: "1", of: "a")
                let place = file(image.digest, in: cache.path)
                try remove(place)
                try write(ByteBuffer(repeating: 0x41, count: Int(image.top.size)), to: place)
                let lock = try await cache.store.locks.acquire(StoreLocks.shard(image.digest), .exclusive)
                for _ in 1...3 { #expect(try cache.manifest(image.top) == nil) }
                lock.unlock()
                let version = try #require(try cache.store.directory.blobs.status(of: image.digest)?.version)
                #expect(cache.store.health.isDamaged(version))
                #expect(!cache.store.health.noteDamaged(version))
                try await NamesTests.store(image, in: cache, as: "1", of: "a")
                #expect(try cache.manifest(image.top) != nil)
            }
        }
    }
}
