import Cache
import OCI
import TestSupport
import Testing

@testable import Serve

/// What mirrors say while their host is out of reach: tags that may be older, and content that is right whoever has it.
@Suite(.timeLimit(.minutes(10)))
struct StandInTests {
    private let old = SampleImage.image(layers: [.init(seed: 1, size: 5000)])
    private let new = SampleImage.image(layers: [.init(seed: 2, size: 5000)])

    /// A host that has the new image, and a mirror that is behind.
    private func with(_ body: (PullThroughFixture, _ mirror: FakeUpstream) async throws -> Void) async throws {
        let mirror = FakeUpstream()
        try await PullThroughFixture.with { fixture in
            try mirror.load(old, as: "1")
            try mirror.load(new)
            try fixture.upstream.load(new, as: "1")
            fixture.upstream.change {
                $0.mirror = mirror
                $0.tags["2"] = new.digest
            }
            try await body(fixture, mirror)
        }
    }

    @Test("A mirror that is behind turns no tag back that is known, and is not asked what it is")
    func known() async throws {
        try await with { fixture, mirror async throws in
            _ = try await fixture.manifest("1")
            _ = try await fixture.content.tags(of: fixture.repository)
            for _ in 0..<2 {
                fixture.upstream.change { $0.failure = .down }
                fixture.clock.advance(by: .seconds(301))
                for _ in 0..<2 {
                    let served = try #require(try await fixture.manifest("1"))
                    #expect(served.manifest.descriptor == new.top)
                    #expect(served.warning != nil)
                    let listed = try #require(try await fixture.content.tags(of: fixture.repository))
                    #expect(listed.elements == ["1", "2"])
                    #expect(listed.warning != nil)
                }
                fixture.upstream.change { $0.failure = nil }
                fixture.clock.advance(by: .seconds(11))
                #expect(try await fixture.manifest("1")?.warning == nil)
            }
            #expect(try await fixture.cache.names.resolveAny("1", in: fixture.repository) == new.top)
            #expect(mirror.requests.isEmpty)
        }
    }

    @Test("Where nothing is known a mirror's word is served with a warning, until the host answers")
    func unknown() async throws {
        try await with { fixture, mirror async throws in
            fixture.upstream.change { $0.failure = .down }
            for _ in 0..<3 {
                let served = try #require(try await fixture.manifest("1"))
                #expect(served.manifest.descriptor == old.top)
                #expect(served.warning != nil)
                let listed = try #require(try await fixture.content.tags(of: fixture.repository))
                #expect(listed.elements == ["1"])
                #expect(listed.warning != nil)
            }
            #expect(mirror.requests == ["GET 1", "TAGS"])
            fixture.upstream.change { $0.failure = nil }
            fixture.clock.advance(by: .seconds(11))
            let served = try #require(try await fixture.manifest("1"))
            #expect(served.manifest.descriptor == new.top)
            #expect(served.warning == nil)
            let listed = try #require(try await fixture.content.tags(of: fixture.repository))
            #expect(listed.elements == ["1", "2"])
            #expect(listed.warning == nil)
        }
    }

    @Test("What its host has called gone a mirror does not bring back")
    func gone() async throws {
        try await with { fixture, mirror async throws in
            fixture.upstream.change { $0.tags["1"] = nil }
            #expect(try await fixture.manifest("1") == nil)
            fixture.upstream.change { $0.failure = .down }
            fixture.clock.advance(by: .seconds(301))
            await #expect(throws: ServeError.self) { _ = try await fixture.manifest("1") }
            #expect(mirror.requests.isEmpty)
        }
    }

    @Test("While a host is left alone by its own word, mirrors give what a digest names, without a warning")
    func content() async throws {
        try await with { fixture, mirror async throws in
            fixture.upstream.change { $0.failure = UpstreamError(.rateLimited, "no", retryAfter: .seconds(60)) }
            #expect(try await fixture.manifest("1")?.manifest.descriptor == old.top)
            fixture.upstream.change { $0.failure = nil }
            let served = try #require(try await fixture.manifest(named: new.digest))
            #expect(served.manifest.descriptor == new.top)
            #expect(served.warning == nil)
            let blob = new.blobs[1]
            let size = try await fixture.content.blob(blob.descriptor.digest, of: fixture.repository, isHead: true)?
                .size
            #expect(size == blob.descriptor.size)
            #expect(try await fixture.read(blob.descriptor.digest) == blob.source.buffer)
            #expect(fixture.upstream.requests == ["HEAD 1"])
            #expect(mirror.requests.contains("GET \(new.digest)"))
        }
    }

    @Test("Who stands in and has nothing leaves the host's error as it is")
    func nothing() async throws {
        try await with { fixture, mirror async throws in
            fixture.upstream.change { $0.failure = .down }
            mirror.change { $0.failure = .down }
            let error = await #expect(throws: ServeError.self) { _ = try await fixture.manifest("1") }
            #expect(error?.status == 502)
        }
    }
}
