import Cache
import OCI
import TestSupport
import Testing

@testable import Serve

/// A tag that has moved, and whose new image is not all here: the older one that is whole is held.
@Suite(.timeLimit(.minutes(5)))
struct HeldImageTests {
    private let old = SampleImage.image(layers: [.init(seed: 1, size: 5000)])
    private let new = SampleImage.image(layers: [.init(seed: 2, size: 5000)])

    /// A cache with all of the old image, and of the new one, which the tag is now, what `body` asks for.
    private func with(
        new: SampleImage? = nil,
        _ body: (PullThroughFixture) async throws -> Void
    ) async throws {
        let new = new ?? self.new
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(old, as: "1")
            _ = try await fixture.manifest("1")
            for blob in old.blobs { _ = try await fixture.read(blob.descriptor.digest) }
            await fixture.content.tend()
            try fixture.upstream.load(new, as: "1")
            fixture.clock.advance(by: .seconds(301))
            #expect(try await fixture.manifest("1")?.manifest.descriptor == new.top)
            try await body(fixture)
        }
    }

    @Test("While the upstream is down the whole image is served as stale, and the new one once all of it has come")
    func stale() async throws {
        try await with { fixture async throws in
            for blob in new.blobs {
                fixture.upstream.change { $0.failure = .down }
                fixture.clock.advance(by: .seconds(301))
                for _ in 0..<2 {
                    let served = try #require(try await fixture.manifest("1"))
                    #expect(served.manifest.descriptor == old.top)
                    #expect(served.warning == PullThroughContext.staleWarning)
                }
                fixture.upstream.change { $0.failure = nil }
                fixture.clock.advance(by: .seconds(11))
                let served = try #require(try await fixture.manifest("1"))
                #expect(served.manifest.descriptor == new.top)
                #expect(served.warning == nil)
                _ = try await fixture.read(blob.descriptor.digest)
            }
            fixture.upstream.change { $0.failure = .down }
            fixture.clock.advance(by: .seconds(301))
            let served = try #require(try await fixture.manifest("1"))
            #expect(served.manifest.descriptor == new.top)
            #expect(served.warning == PullThroughContext.staleWarning)
        }
    }

    @Test("Of a new index one image that is whole is all that its clients need")
    func onePlatform() async throws {
        let new = SampleImage.multiPlatform()
        try await with(new: new) { fixture async throws in
            let index = try #require(try await fixture.manifest("1")).manifest
            let child = try #require(index.references.first)
            let image = try #require(try await fixture.manifest(named: child.digest)).manifest
            for part in image.references {
                fixture.upstream.change { $0.failure = .down }
                fixture.clock.advance(by: .seconds(301))
                #expect(try await fixture.manifest("1")?.manifest.descriptor == old.top)
                fixture.upstream.change { $0.failure = nil }
                _ = try await fixture.read(part.digest)
            }
            fixture.upstream.change { $0.failure = .down }
            fixture.clock.advance(by: .seconds(301))
            #expect(try await fixture.manifest("1")?.manifest.descriptor == new.top)
        }
    }

    @Test(
        "Where the upstream answers, or may, the new image may be had, whatever of it is here",
        arguments: [
            UpstreamError(.rateLimited, "limit"), UpstreamError(.rateLimited, "limit", retryAfter: .seconds(60)),
            UpstreamError(.unavailable, "no (503)"), UpstreamError(.denied, "no"), UpstreamError(.timeout, "slow"),
        ]
    )
    func answering(failure: UpstreamError) async throws {
        try await with { fixture async throws in
            fixture.upstream.change { $0.failure = failure }
            fixture.clock.advance(by: .seconds(301))
            for _ in 0..<2 {
                let served = try #require(try await fixture.manifest("1"))
                #expect(served.manifest.descriptor == new.top && served.warning != nil)
            }
        }
    }

    @Test("Nor is the old image served while a mirror may have the new one")
    func mirror() async throws {
        let mirror = FakeUpstream()
        try await with { fixture async throws in
            fixture.upstream.change { ($0.mirror, $0.failure) = (mirror, .down) }
            fixture.clock.advance(by: .seconds(301))
            #expect(try await fixture.manifest("1")?.manifest.descriptor == new.top)
            mirror.change { $0.failure = .down }
            #expect(try await fixture.manifest("1")?.manifest.descriptor == old.top)
        }
    }

    @Test("A slow look at a host that could not be reached says nothing new of it")
    func slowLook() async throws {
        try await with { fixture async throws in
            fixture.upstream.change { $0.failure = .down }
            fixture.clock.advance(by: .seconds(301))
            #expect(try await fixture.manifest("1")?.manifest.descriptor == old.top)
            fixture.upstream.change { $0.isSlow = true }
            fixture.clock.advance(by: .seconds(11))
            let count = fixture.upstream.requests.count
            async let served = fixture.manifest("1")
            try await fixture.upstream.wait { $0.requests.count > count }
            // One sleeper is the upkeep, another the answer's deadline.
            try await fixture.clock.waitForSleepers(3)
            fixture.clock.advance(by: .milliseconds(25))
            #expect(try await served?.manifest.descriptor == old.top)
        }
    }

    @Test("A new manifest that was lost is asked for again, while what the tag is is still believed")
    func lostWhileBelieved() async throws {
        try await with { fixture async throws in
            try Files.remove("\(fixture.path)/blobs/sha256/\(new.digest.hex)")
            let served = try #require(try await fixture.manifest("1"))
            #expect(served.manifest.descriptor == new.top && served.warning == nil)
            #expect(fixture.upstream.requests.last == "GET \(new.digest)")
        }
    }

    @Test("A new image whose manifest was lost leaves the old one to serve")
    func lostManifest() async throws {
        try await with { fixture async throws in
            try Files.remove("\(fixture.path)/blobs/sha256/\(new.digest.hex)")
            fixture.upstream.change { $0.failure = .down }
            fixture.clock.advance(by: .seconds(301))
            let served = try #require(try await fixture.manifest("1"))
            #expect(served.manifest.descriptor == old.top && served.warning != nil)
        }
    }

    @Test("A server that asks nobody serves the newer of both that is whole, also before it was found to be")
    func plain() async throws {
        try await with { fixture async throws in
            let cached = CachedContent(fixture.cache)
            for blob in new.blobs {
                let served = try await cached.manifest(.tag("1"), of: fixture.repository)
                #expect(served?.manifest.descriptor == old.top)
                _ = try await fixture.read(blob.descriptor.digest)
            }
            let served = try await cached.manifest(.tag("1"), of: fixture.repository)
            #expect(served?.manifest.descriptor == new.top)
            #expect(try await cached.tags(of: fixture.repository)?.elements == ["1"])
        }
    }

    @Test("What cannot be kept is believed as it was said, and no older image of the cache is told for it")
    func unkept() async throws {
        try await with { fixture async throws in
            // Nothing can be stored any more.
            try Files.remove("\(fixture.path)/ingest")
            let newest = SampleImage.image(layers: [.init(seed: 3, size: 5000)])
            try fixture.upstream.load(newest, as: "1")
            fixture.clock.advance(by: .seconds(301))
            for _ in 0..<2 {
                let served = try #require(try await fixture.manifest("1"))
                #expect(served.manifest.descriptor == newest.top && served.warning == nil)
            }
            #expect(fixture.upstream.requests.last == "GET \(newest.digest)")
            fixture.upstream.change { $0.failure = .down }
            fixture.clock.advance(by: .seconds(301))
            let served = try #require(try await fixture.manifest("1"))
            #expect(served.manifest.descriptor == old.top && served.warning != nil)
        }
    }
}
