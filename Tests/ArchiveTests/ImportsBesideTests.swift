import Cache
import CacheSupport
import NIOCore
import OCI
import TestSupport
import Testing

@testable import Archive

/// Two imports of the same archive at the same time.
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
}
