import Cache
import OCI
import TestSupport
import Testing

@testable import Serve

@Suite(.timeLimit(.minutes(10)))
struct PullThroughUpkeepTests {
    private let image = SampleImage.image(layers: [.init(seed: 1, size: 5000)])

    @Test("An image that came in parts becomes a tag of the cache when all of it is there, and not before")
    func settling() async throws {
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(image, as: "1")
            _ = try await fixture.manifest("1")
            _ = try await fixture.read(image.blobs[0].descriptor.digest)
            await fixture.content.tend()
            #expect(try await fixture.cache.names.tags(of: fixture.repository).isEmpty)
            _ = try await fixture.read(image.blobs[1].descriptor.digest)
            await fixture.content.tend()
            let tags = try await fixture.cache.names.tags(of: fixture.repository)
            #expect(tags.map(\.0) == ["1"])
            #expect(tags.map(\.1) == [image.top])
            let layout = try Files.text("\(fixture.path)/index.json")
            #expect(layout.contains(image.digest.description))
        }
    }

    @Test("What could not be made a tag when all of it had come is made one the next time")
    func settlingAgain() async throws {
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(image, as: "1")
            _ = try await fixture.manifest("1")
            for blob in image.blobs { _ = try await fixture.read(blob.descriptor.digest) }
            await withTaskGroup(of: Void.self) { group in
                group.cancelAll()
                group.addTask { await fixture.content.tend() }
            }
            #expect(try await fixture.cache.names.tags(of: fixture.repository).isEmpty)
            await fixture.content.tend()
            #expect(try await fixture.cache.names.tags(of: fixture.repository).map(\.0) == ["1"])
        }
    }

    @Test("A collection keeps what came in parts, and what was pulled by its digest")
    func collection() async throws {
        let other = SampleImage.image(layers: [.init(seed: 2, size: 5000)])
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(image, as: "1")
            try fixture.upstream.load(other)
            _ = try await fixture.manifest("1")
            _ = try await fixture.read(image.blobs[1].descriptor.digest)
            _ = try await fixture.manifest(named: other.digest)
            let report = try await fixture.cache.collect(CollectionOptions(grace: .seconds(-10)))
            #expect(report.blobs == 0)
            #expect(try fixture.cache.contains(image.top))
            #expect(try fixture.cache.contains(other.top))
            #expect(
                try await fixture.names() == ["registry.example.com/app:1", "registry.example.com/app@\(other.digest)"]
            )
        }
    }

    @Test(
        "What a client pulls by its digest after the tag has moved on is kept, and what it pulled so before is not named",
        arguments: [true, false]
    )
    func movedOn(isIndex: Bool) async throws {
        let former = SampleImage.multiPlatform()
        let child = try #require(former.manifests.first).descriptor
        let pinned = isIndex ? former.top : child
        try await PullThroughFixture.with { fixture async throws in
            try fixture.upstream.load(former, as: "1")
            _ = try await fixture.manifest("1")
            for descriptor in [former.top, child] { _ = try await fixture.manifest(named: descriptor.digest) }
            try fixture.upstream.load(SampleImage.multiPlatform(seed: 7), as: "1")
            fixture.clock.advance(by: .seconds(301))
            _ = try await fixture.manifest("1")
            #expect(try await fixture.names() == ["registry.example.com/app:1"])
            _ = try await fixture.manifest(named: pinned.digest)
            let names = ["registry.example.com/app:1", "registry.example.com/app@\(pinned.digest)"]
            #expect(try await fixture.names() == names)
            // What the new name keeps needs none of its own.
            _ = try await fixture.manifest(named: child.digest)
            #expect(try await fixture.names() == names)
            _ = try await fixture.cache.collect(CollectionOptions(grace: .seconds(-10)))
            fixture.upstream.change { $0.manifests = [:] }
            for kept in Set([pinned, child]) {
                #expect(try await fixture.manifest(named: kept.digest)?.manifest.descriptor == kept)
            }
        }
    }

    @Test("What a sync brought is named when it is pulled by its digest after its tag has moved, once and not before")
    func syncedTagMovedOn() async throws {
        try await PullThroughFixture.with { fixture async throws in
            for (image, cost) in [(image, [0, 0]), (SampleImage.multiPlatform(), [1, 0])] {
                for part in image.manifests {
                    let manifest = try Manifest(bytes: part.source.buffer, contentType: part.descriptor.mediaType)
                    try await fixture.cache.store(manifest, from: fixture.repository)
                }
                try await fixture.cache.names.record("1", of: fixture.repository, as: image.top)
                for cost in cost {
                    let before = fixture.cache.transactionCount
                    _ = try await fixture.manifest(named: self.image.digest)
                    #expect(fixture.cache.transactionCount - before == cost)
                }
            }
            #expect(
                try await fixture.names() == ["registry.example.com/app:1", "registry.example.com/app@\(image.digest)"]
            )
        }
    }

    @Test("What came in parts gives way to the cache's limit as other images do")
    func eviction() async throws {
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(image, as: "1")
            _ = try await fixture.manifest("1")
            _ = try await fixture.read(image.blobs[1].descriptor.digest)
            let report = try await fixture.cache.collect(CollectionOptions(maximumSize: 100, grace: .seconds(-10)))
            #expect(report.evictedTags.map(\.description) == ["registry.example.com/app:1"])
            #expect(try !fixture.cache.contains(image.top))
            #expect(try await fixture.cache.names.resolveAny("1", in: fixture.repository) == nil)
            // And comes back when it is asked for.
            #expect(try await fixture.manifest("1")?.manifest.descriptor == image.top)
        }
    }

    @Test("After downloads the cache's limit is looked at, and only then")
    func limit() async throws {
        let calls = Watched(0)
        let count: @Sendable () async -> Void = { calls.update { $0 += 1 } }
        try await PullThroughFixture.with(maintain: count) { fixture in
            try fixture.upstream.load(image, as: "1")
            await fixture.content.tend()
            #expect(calls.value == 0)
            _ = try await fixture.read(image.blobs[1].descriptor.digest)
            try await fixture.clock.waitForSleepers()
            fixture.clock.advance(by: .seconds(61))
            try await calls.wait { $0 == 1 }
            await fixture.content.tend()
            #expect(calls.value == 1)
        }
    }

    @Test("The index is copied while the server lives, an hour after it began and not before")
    func backup() async throws {
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(image, as: "1")
            _ = try await fixture.manifest("1")
            await fixture.content.tend()
            #expect(try Files.list("\(fixture.path)/backup").isEmpty)
            fixture.clock.advance(by: Upkeep.backupInterval)
            // The server's own upkeep may be the one that does it.
            for _ in 1...100_000 where try Files.list("\(fixture.path)/backup").isEmpty { await fixture.content.tend() }
            #expect(try Files.list("\(fixture.path)/backup").isEmpty == false)
        }
    }
}

extension PullThroughFixture {
    /// All names in the cache as they are listed.
    fileprivate func names() async throws -> [String] {
        try await cache.inventory.images().flatMap(\.references).map(\.description).sorted()
    }
}
