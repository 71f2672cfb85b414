import Cache
import CacheSupport
import OCI
import TestSupport
import Testing

@testable import Serve

/// What a tag was heard to be, and what a sync or an import calls so in the cache.
@Suite(.timeLimit(.minutes(5)))
struct HeardTagTests {
    private let index = SampleImage.multiPlatform()
    private let other = SampleImage.image(layers: [.init(seed: 7, size: 5000)])
    private let name = ImageReference(location: PullThroughFixture.repository, tag: "1")

    @Test("A tag of which a sync has brought one platform is still what its upstream says, and asked for once more")
    func reduced() async throws {
        try await PullThroughFixture.with { fixture async throws in
            try fixture.upstream.load(index, as: "1")
            for _ in 0..<2 {
                let count = fixture.upstream.requests.count
                #expect(try await fixture.manifest("1")?.manifest.descriptor == index.top)
                try await fixture.cache.load(other, as: name)
                for _ in 0..<3 {
                    let served = try #require(try await fixture.manifest("1"))
                    #expect(served.manifest.descriptor == index.top && served.warning == nil)
                }
                #expect(
                    fixture.upstream.requests.dropFirst(count).filter { $0 == "HEAD 1" }.count == (count == 0 ? 2 : 1)
                )
            }
        }
    }

    @Test("While its upstream is down the newer of both answers, as stale", arguments: [true, false])
    func down(isKept: Bool) async throws {
        try await PullThroughFixture.with { fixture async throws in
            try fixture.upstream.load(index, as: "1")
            let lock = "\(fixture.path)/locks/\(index.digest.hex.prefix(2))"
            if !isKept { try Files.makeDirectory(lock) }
            _ = try await fixture.manifest("1")
            try await fixture.cache.load(other, as: name)
            if !isKept { try Files.remove(lock) }
            fixture.upstream.change { $0.failure = .down }
            for _ in 0..<2 {
                let served = try #require(try await fixture.manifest("1"))
                #expect(served.manifest.descriptor == other.top)
                #expect(served.warning == PullThroughContext.staleWarning)
            }
            #expect(try await fixture.cache.names.resolveAny("1", in: fixture.repository) == other.top)
        }
    }

    @Test("What a sync brings that is what was heard is believed without a question")
    func same() async throws {
        try await PullThroughFixture.with { fixture async throws in
            try fixture.upstream.load(index, as: "1")
            _ = try await fixture.manifest("1")
            try await fixture.cache.load(index, as: name)
            let requests = fixture.upstream.requests
            #expect(try await fixture.manifest("1")?.manifest.descriptor == index.top)
            #expect(fixture.upstream.requests == requests)
        }
    }

    @Test(
        "A manifest that could not be kept is by the next request after it can, and nobody is asked",
        arguments: [true, false]
    )
    func keptLater(isTag: Bool) async throws {
        try await PullThroughFixture.with { fixture async throws in
            try fixture.upstream.load(other, as: "1")
            let ask = { try await isTag ? fixture.manifest("1") : fixture.manifest(named: other.digest) }
            let lock = "\(fixture.path)/locks/\(other.digest.hex.prefix(2))"
            try Files.makeDirectory(lock)
            #expect(try await ask()?.manifest.descriptor == other.top)
            let requests = fixture.upstream.requests
            #expect(try await ask()?.manifest.descriptor == other.top)
            #expect(try fixture.cache.manifest(other.digest) == nil)
            try Files.remove(lock)
            for _ in 0..<2 {
                #expect(try await ask()?.manifest.descriptor == other.top)
                #expect(try fixture.cache.manifest(other.digest)?.descriptor == other.top)
            }
            #expect(fixture.upstream.requests == requests)
            let named = try await fixture.cache.names.resolveAny("1", in: fixture.repository)
            #expect(named == (isTag ? other.top : nil))
        }
    }
}
