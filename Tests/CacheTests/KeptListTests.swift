import CacheSupport
import OCI
import TestSupport
import Testing

@testable import Cache

/// What becomes of a repository's list when something of it goes, or its subject.
@Suite(.timeLimit(.minutes(10)))
struct KeptListTests {
    private static let image = SampleImage.image(layers: [.init(seed: 73, size: 5000)])
    private static let artifacts = (0..<3).map { SampleImage.artifact(of: image.top, content: "artifact \($0)") }

    private static func listed(_ cache: ContentCache) async throws -> [Int] {
        let listed = try await cache.referrers.listed(of: image.digest, in: RepositoryReference("pub"))
        return listed.map { digest in artifacts.firstIndex { $0.digest == digest } ?? -1 }
    }

    private static func tag(_ number: Int, in cache: ContentCache) async throws {
        try await NamesTests.store(artifacts[number], in: cache, as: "artifact-\(number)", of: "pub")
    }

    @Test("What was found needless stays listed where something of it has come since")
    func comeMeanwhile() async throws {
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                try await Self.tag(0, in: cache)
                let list = Self.artifacts[0...1].map(\.top)
                try await cache.referrers.set(of: Self.image.digest, in: RepositoryReference("pub"), to: list)
                try await cache.store.index.write { db in
                    for (pair, _) in try db.referrers.pairs(in: .listed, after: nil, limit: 9) {
                        try db.referrers.remove(pair, from: .listed)
                    }
                }
                #expect(try await Self.listed(cache) == [0])
            }
        }
    }

    @Test("A list out of which something went takes what comes at its end, also where its subject is not here")
    func hole() async throws {
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                for number in 0..<2 { try await Self.tag(number, in: cache) }
                #expect(try await cache.remove("artifact-0", of: "pub"))
            }
            timed.advance(hours: 3)
            try await timed.open { cache async throws in
                for _ in 0..<2 { _ = try await cache.collect() }
                #expect(try await Self.listed(cache) == [1])
                for number in [2, 0] { try await Self.tag(number, in: cache) }
                #expect(try await Self.listed(cache) == [1, 2, 0])
            }
        }
    }

    @Test("What is tagged is still listed when its subject went and comes back; what is not goes with it")
    func subject() async throws {
        try await TimedCache.with { timed in
            try await timed.open { cache async throws in
                try await NamesTests.store(Self.image, in: cache, as: "1", of: "pub")
                for number in 0..<2 { try await Self.tag(number, in: cache) }
                for tag in ["artifact-0", "1"] { #expect(try await cache.remove(tag, of: "pub")) }
            }
            timed.advance(hours: 3)
            try await timed.open { cache async throws in
                for _ in 0..<2 { _ = try await cache.collect() }
                #expect(try timed.stored() == Self.artifacts[1].digests)
                #expect(try await Self.listed(cache) == [1])
                try await NamesTests.store(Self.image, in: cache, as: "1", of: "pub")
                let here = try await cache.referrers.here(of: Self.image.digest, in: RepositoryReference("pub"))
                #expect(here == [Self.artifacts[1].top])
                #expect(try await cache.remove("artifact-1", of: "pub"))
            }
            timed.advance(hours: 3)
            try await timed.open { cache async throws in
                // The list alone keeps it now.
                #expect(try await cache.collect().blobs == 0)
                #expect(try await cache.remove("1", of: "pub"))
                _ = try await cache.collect()
            }
            #expect(try timed.stored().isEmpty)
            #expect(try timed.count("referrers") == 0)
        }
    }
}
