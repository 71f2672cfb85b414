import Cache
import OCI
import TestSupport
import Testing

@testable import Serve

@Suite(.timeLimit(.minutes(10)))
struct PullThroughManifestTests {
    private let old = SampleImage.image(layers: [.init(seed: 1, size: 5000)])
    private let new = SampleImage.image(layers: [.init(seed: 2, size: 5000)])

    @Test("A tag is asked for once, then believed for its lifetime")
    func lifetime() async throws {
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(old, as: "1")
            for _ in 0..<3 {
                let served = try #require(try await fixture.manifest("1"))
                #expect(served.manifest.descriptor == old.top)
                #expect(served.warning == nil)
            }
            #expect(fixture.upstream.requests == ["HEAD 1", "GET \(old.digest)"])
            fixture.clock.advance(by: .seconds(299))
            _ = try await fixture.manifest("1")
            #expect(fixture.upstream.requests.count == 2)
            fixture.clock.advance(by: .seconds(2))
            _ = try await fixture.manifest("1")
            #expect(fixture.upstream.requests == ["HEAD 1", "GET \(old.digest)", "HEAD 1"])
        }
    }

    @Test("An upstream's HEAD is not believed that names one image of an index, whatever the tag was here before")
    func namedPart() async throws {
        try await PullThroughFixture.with { fixture in
            let index = SampleImage.multiPlatform()
            let part = try #require(index.manifests.first).descriptor
            try fixture.upstream.load(index, as: "1")
            fixture.upstream.change { $0.named = part }
            for _ in 0..<2 {
                #expect(try await fixture.manifest("1")?.manifest.descriptor == index.top)
                // Clients ask for the part by its digest.
                #expect(try await fixture.manifest(named: part.digest)?.manifest.descriptor == part)
                fixture.clock.advance(by: .seconds(301))
            }
        }
    }

    @Test("A tag that moved upstream is served as it is now, once its lifetime is over")
    func moved() async throws {
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(old, as: "1")
            _ = try await fixture.manifest("1")
            try fixture.upstream.load(new, as: "1")
            #expect(try await fixture.manifest("1")?.manifest.descriptor == old.top)
            fixture.clock.advance(by: .seconds(301))
            #expect(try await fixture.manifest("1")?.manifest.descriptor == new.top)
            // And back again: the older name in the cache must not win.
            try fixture.upstream.load(old, as: "1")
            fixture.clock.advance(by: .seconds(301))
            #expect(try await fixture.manifest("1")?.manifest.descriptor == old.top)
            #expect(fixture.upstream.requests.filter { $0.hasPrefix("GET") }.count == 2)
        }
    }

    @Test(
        "While the upstream fails the older answer is served with a warning, and the upstream is left alone for a while",
        arguments: [
            UpstreamError(.unavailable, "down"), UpstreamError(.timeout, "slow"),
            UpstreamError(.rateLimited, "limit"), UpstreamError(.denied, "revoked"),
        ]
    )
    func stale(failure: UpstreamError) async throws {
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(old, as: "1")
            _ = try await fixture.manifest("1")
            fixture.upstream.change { $0.failure = failure }
            fixture.clock.advance(by: .seconds(301))
            for _ in 0..<3 {
                let served = try #require(try await fixture.manifest("1"))
                #expect(served.warning == "110 - \"Response is Stale\"")
                #expect(served.manifest.descriptor == old.top)
            }
            #expect(fixture.upstream.requests.count == 3)
            fixture.upstream.change { $0.failure = nil }
            fixture.clock.advance(by: .seconds(11))
            #expect(try await fixture.manifest("1")?.warning == nil)
            #expect(fixture.content.metrics[.staleTag] == 3)
        }
    }

    @Test("That there is nothing is believed of a tag for seconds, and of a digest as long as tags are")
    func absenceOfDigest() async throws {
        try await PullThroughFixture.with { fixture async throws in
            let tag: TagName = "none"
            for (wait, tagsAsked, digestsAsked) in [(0, 1, 1), (11, 2, 1), (290, 3, 2)] {
                fixture.clock.advance(by: .seconds(wait))
                #expect(try await fixture.manifest(tag) == nil)
                #expect(try await fixture.manifest(named: old.digest) == nil)
                let requests = fixture.upstream.requests
                #expect(requests.count { $0 == "GET \(old.digest)" } == digestsAsked)
                #expect(requests.count { $0 == "HEAD none" } == tagsAsked)
            }
        }
    }

    @Test("An upstream that says for how long it is to be left alone is left alone")
    func retryAfter() async throws {
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(old, as: "1")
            _ = try await fixture.manifest("1")
            fixture.upstream.change { $0.failure = UpstreamError(.rateLimited, "limit", retryAfter: .seconds(60)) }
            fixture.clock.advance(by: .seconds(301))
            _ = try await fixture.manifest("1")
            fixture.clock.advance(by: .seconds(50))
            _ = try await fixture.manifest("1")
            #expect(fixture.upstream.requests.count == 3)
            fixture.clock.advance(by: .seconds(11))
            _ = try await fixture.manifest("1")
            #expect(fixture.upstream.requests.count == 4)
        }
    }

    @Test("A slow upstream is waited for only as long as there is nothing older to serve")
    func patience() async throws {
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(old, as: "1")
            _ = try await fixture.manifest("1")
            fixture.upstream.change { $0.isSlow = true }
            fixture.clock.advance(by: .seconds(301))
            async let served = fixture.manifest("1")
            // One sleeper is the upkeep, the other the patience.
            try await fixture.clock.waitForSleepers(2)
            try await fixture.upstream.wait { $0.requests.count == 3 }
            fixture.clock.advance(by: .seconds(5))
            #expect(try await served?.warning != nil)
        }
    }

    @Test(
        "Where nothing is cached a failing upstream is told of, and it is not said that the image does not exist",
        arguments: [
            (UpstreamError(.unavailable, "down"), 502), (UpstreamError(.timeout, "slow"), 504),
            (UpstreamError(.rateLimited, "limit", retryAfter: .seconds(7)), 429), (UpstreamError(.denied, "no"), 403),
            (UpstreamError(.unusable, "junk"), 502),
        ]
    )
    func nothingCached(failure: UpstreamError, status: Int) async throws {
        try await PullThroughFixture.with { fixture in
            fixture.upstream.change { $0.failure = failure }
            let error = await #expect(throws: ServeError.self) { _ = try await fixture.manifest("1") }
            #expect(error?.status == status)
            #expect(error?.description.contains("does not say whether") == true)
            #expect(error?.retryAfter == (failure.retryAfter == nil ? nil : 7))
            // The failure is not kept, unless the upstream asks for that or does not answer at all.
            fixture.upstream.change { $0.failure = nil }
            if failure.retryAfter != nil || failure.kind == .timeout {
                await #expect(throws: ServeError.self) { _ = try await fixture.manifest("1") }
                fixture.clock.advance(by: .seconds(10))
            }
            try fixture.upstream.load(old, as: "1")
            #expect(try await fixture.manifest("1")?.manifest.descriptor == old.top)
        }
    }

    @Test("A tag that a sync has brought after its 404 is served while the upstream is down, until it is gone again")
    func broughtAfterAbsence() async throws {
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(old, as: "2")
            _ = try await fixture.manifest("2")
            for blob in old.blobs { _ = try await fixture.read(blob.descriptor.digest) }
            #expect(try await fixture.manifest("1") == nil)
            try await fixture.cache.names.record("1", of: fixture.repository, as: old.top)
            fixture.upstream.change { $0.failure = .down }
            for seconds in [0, 301] {
                fixture.clock.advance(by: .seconds(seconds))
                let served = try #require(try await fixture.manifest("1"))
                #expect(served.manifest.descriptor == old.top && served.warning != nil)
            }
            fixture.upstream.change { $0.failure = nil }
            fixture.clock.advance(by: .seconds(11))
            #expect(try await fixture.manifest("1") == nil)
            fixture.upstream.change { $0.failure = .down }
            fixture.clock.advance(by: .seconds(301))
            await #expect(throws: ServeError.self) { _ = try await fixture.manifest("1") }
        }
    }

    @Test("That a tag does not exist is remembered for some seconds only")
    func absence() async throws {
        try await PullThroughFixture.with { fixture in
            for _ in 0..<3 { #expect(try await fixture.manifest("1") == nil) }
            #expect(fixture.upstream.requests == ["HEAD 1", "GET 1"])
            try fixture.upstream.load(old, as: "1")
            fixture.clock.advance(by: .seconds(11))
            #expect(try await fixture.manifest("1") != nil)
            // A registry that has told something by HEAD is believed.
            for _ in 0..<3 { #expect(try await fixture.manifest("2") == nil) }
            #expect(fixture.upstream.requests.suffix(2) == ["GET \(old.digest)", "HEAD 2"])
        }
    }

    @Test("A tag of a registry that answers HEAD with 404 is found by GET, which counts for the tag's lifetime")
    func withoutHEAD() async throws {
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(old, as: "1")
            try fixture.upstream.load(new)
            fixture.upstream.change { $0.answersHEAD = false }
            for _ in 0..<3 { #expect(try await fixture.manifest("1")?.manifest.descriptor == old.top) }
            #expect(fixture.upstream.requests == ["HEAD 1", "GET 1"])
            fixture.upstream.change { $0.tags["1"] = new.digest }
            fixture.clock.advance(by: .seconds(301))
            #expect(try await fixture.manifest("1")?.manifest.descriptor == new.top)
        }
    }

    @Test("A tag that was deleted upstream is gone, although the cache has it")
    func deleted() async throws {
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(old, as: "1")
            _ = try await fixture.manifest("1")
            fixture.upstream.change { $0.tags["1"] = nil }
            fixture.clock.advance(by: .seconds(301))
            #expect(try await fixture.manifest("1") == nil)
        }
    }

    @Test("A manifest by digest is fetched once and never checked again")
    func byDigest() async throws {
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(old)
            _ = try await fixture.manifest(named: old.digest)
            fixture.clock.advance(by: .seconds(1000))
            #expect(try await fixture.manifest(named: old.digest)?.manifest.descriptor == old.top)
            #expect(fixture.upstream.requests == ["GET \(old.digest)"])
            #expect(try await fixture.manifest(named: new.digest) == nil)
            #expect(try await fixture.manifest(named: new.digest) == nil)
            #expect(fixture.upstream.requests.count == 2)
        }
    }

    @Test("Many clients of one tag cause one check, also when the first of them leaves")
    func oneCheck() async throws {
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(old, as: "1")
            fixture.upstream.change { $0.isSlow = true }
            try await withThrowingTaskGroup(of: Descriptor?.self) { group in
                let first = try await leaving {
                    try await fixture.upstream.wait { $0.requests.count == 1 }
                    for _ in 0..<50 {
                        group.addTask { try await fixture.manifest("1")?.manifest.descriptor }
                    }
                } _: {
                    try await fixture.manifest("1")
                }
                #expect(throws: CancellationError.self) { _ = try first?.get() }
                fixture.upstream.change { $0.isSlow = false }
                for try await descriptor in group { #expect(descriptor == old.top) }
            }
            #expect(fixture.upstream.requests == ["HEAD 1", "GET \(old.digest)"])
        }
    }

    @Test("A host that is not configured is never asked, and what the cache has of it is served")
    func closedList() async throws {
        let foreign = RepositoryReference(host: "evil.example.com", repository: "app")
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(old, as: "1")
            #expect(try await fixture.content.manifest(.tag("1"), of: foreign) == nil)
            #expect(try await fixture.content.blob(old.blobs[0].descriptor.digest, of: foreign, isHead: false) == nil)
            #expect(try await fixture.content.tags(of: foreign) == nil)
            #expect(fixture.upstream.requests.isEmpty)
        }
    }
}
