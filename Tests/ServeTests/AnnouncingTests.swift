import Cache
import CacheSupport
import OCI
import TestSupport
import Testing

@testable import Serve

/// Which images a HEAD of their manifests announces: those that can be served.
@Suite(.timeLimit(.minutes(10)))
struct AnnouncingTests {
    private static let image = SampleImage.multiPlatform()
    private static var repository: RepositoryReference { PullThroughFixture.repository }

    private static func head(_ reference: String, at served: ServedCache) async throws -> Int {
        try await served.client().request("HEAD", "/v2/app/manifests/\(reference)").status
    }

    @Test(
        "An image whose layer is missing or cut short is not announced, nor is a tag that needs it",
        arguments: [false, true]
    )
    func damage(isCut: Bool) async throws {
        try await ServedCache.with([("docker.io/library/app:1", Self.image)]) { served async throws in
            let children = Self.image.manifests.filter { $0.descriptor != Self.image.top }.map(\.descriptor.digest)
            for reference in ["1", "\(Self.image.digest)", "\(children[0])", "\(children[1])"] {
                #expect(try await Self.head(reference, at: served) == 200, "\(reference)")
            }
            let layer = served.file(try #require(Self.image.blobs.last).descriptor.digest)
            try Files.remove(layer)
            if isCut { try Files.write("short", to: layer) }
            #expect(try await Self.head("1", at: served) == 404)
            #expect(try await Self.head("\(children[1])", at: served) == 404)
            // The other platform's image is whole, and so is what leads to it.
            #expect(try await Self.head("\(children[0])", at: served) == 200)
            #expect(try await Self.head("\(Self.image.digest)", at: served) == 200)
            #expect(try await served.get("/v2/app/manifests/1").status == 200)
        }
    }

    @Test("An index that lists a blob beside its manifests is announced as long as the blob is there")
    func blobInIndex() async throws {
        let index = SampleImage.index(of: [.image()], texts: [#"{"spdx":1}"#])
        try await ServedCache.with([("docker.io/library/app:1", index)]) { served async throws in
            #expect(try await Self.head("1", at: served) == 200)
            #expect(try await served.get("/v2/app/manifests/1").status == 200)
            try Files.remove(served.file(try #require(index.blobs.last).descriptor.digest))
            #expect(try await Self.head("1", at: served) == 404)
        }
    }

    @Test("What a pull-through can fetch again is announced")
    func healing() async throws {
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(Self.image, as: "1")
            let manifest = try #require(try await fixture.manifest("1")).manifest
            #expect(try await fixture.content.canServe(manifest, by: .tag("1"), of: fixture.repository))
            let cached = CachedContent(fixture.cache)
            #expect(try await !cached.canServe(manifest, by: .tag("1"), of: fixture.repository))
            #expect(try await cached.manifest(.tag("1"), of: fixture.repository) == nil)
        }
    }

    @Test("A kill right after a complete pull leaves a tag that a plain server has")
    func kill() async throws {
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(Self.image, as: "1")
            _ = try await fixture.manifest("1")
            for part in Self.image.manifests where part.descriptor != Self.image.top {
                _ = try await fixture.manifest(named: part.descriptor.digest)
            }
            for part in Self.image.blobs { _ = try await fixture.read(part.descriptor.digest) }
            // Nothing has tended to the cache since.
            #expect(try await fixture.cache.names.tags(of: fixture.repository).isEmpty)
            let cached = CachedContent(fixture.cache)
            let served = try #require(try await cached.manifest(.tag("1"), of: fixture.repository))
            #expect(served.manifest.descriptor == Self.image.top)
            #expect(try await cached.canServe(served.manifest, by: .tag("1"), of: fixture.repository))
            try await fixture.cache.names.settlePulled()
            #expect(try await cached.tags(of: fixture.repository)?.elements == ["1"])
        }
    }

    @Test("One platform of many that was pulled counts as a tag, with its bytes and without a loss")
    func counting() async throws {
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(Self.image, as: "1")
            _ = try await fixture.manifest("1")
            let child = try #require(Self.image.manifests.first { $0.descriptor != Self.image.top })
            let manifest = try #require(try await fixture.manifest(named: child.descriptor.digest)).manifest
            for part in manifest.references { _ = try await fixture.read(part.digest) }
            await fixture.content.tend()
            let usage = try await fixture.cache.inventory.usage()
            let listed = try await fixture.cache.inventory.images()
            #expect(usage.tags == 1 && listed.map(\.references.count) == [1])
            #expect(usage.savedBytes == 0 && usage.unreferencedBytes == 0)
            #expect(usage.logicalBytes == usage.bytes && listed[0].uniqueBytes == usage.bytes)
        }
    }
}
