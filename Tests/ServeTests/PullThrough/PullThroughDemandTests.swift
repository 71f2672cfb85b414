import Cache
import OCI
import TestSupport
import Testing

@testable import Serve

/// Downloads that go on only while somebody wants them.
@Suite(.timeLimit(.minutes(10)))
struct PullThroughDemandTests {
    private static let size = 16 << 20
    private let image = SampleImage.image(layers: [.init(seed: 7, size: size), .init(seed: 8, size: size)])
    private var first: SampleImage.Part { image.blobs[1] }
    private var second: SampleImage.Part { image.blobs[2] }

    @Test("A download that nobody reads ends after a grace, and the next request goes on where it stopped")
    func grace() async throws {
        let digest = first.descriptor.digest
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(image, as: "1")
            _ = try await fixture.manifest("1")
            fixture.upstream.change { $0.allowance = 1 << 20 }
            let left = try await leaving {
                try await fixture.upstream.wait { $0.sent == 1 << 20 }
            } _: {
                try await fixture.read(digest)
            }
            #expect(throws: (any Error).self) { _ = try left?.get() }
            // One sleeper is the upkeep, the other the grace.
            try await fixture.clock.waitForSleepers(2)
            #expect(fixture.cache.runningDownloads.count == 1)
            fixture.clock.advance(by: .seconds(10))
            while !fixture.cache.runningDownloads.isEmpty { await Task.yield() }
            fixture.upstream.change { $0.allowance = .max }
            #expect(try await fixture.read(digest) == first.source.buffer)
            let asked = fixture.upstream.requests.filter { $0.hasPrefix("GET \(digest)") }
            #expect(asked.count == 2 && asked.last != "GET \(digest) from 0")
        }
    }

    @Test("What waits for its turn is dropped with its last client; what nobody reads gives its place up at once")
    func turns() async throws {
        let (first, second) = (first.descriptor.digest, second.descriptor.digest)
        try await PullThroughFixture.with(downloads: 1) { fixture in
            try fixture.upstream.load(image, as: "1")
            _ = try await fixture.manifest("1")
            fixture.upstream.change { $0.allowance = 1 << 20 }
            _ = try await leaving {
                try await fixture.upstream.wait { $0.sent == 1 << 20 }
                _ = try await leaving {
                    while fixture.cache.runningDownloads.count < 2 { await Task.yield() }
                } _: {
                    try await fixture.read(second)
                }
                while fixture.cache.runningDownloads.count > 1 { await Task.yield() }
            } _: {
                try await fixture.read(first)
            }
            let hasAsked = { @Sendable (requests: [String]) in requests.contains { $0.hasPrefix("GET \(second)") } }
            #expect(!hasAsked(fixture.upstream.requests))
            // The first would have its grace still.
            async let bytes = fixture.read(second)
            try await fixture.upstream.wait { hasAsked($0.requests) }
            fixture.upstream.change { $0.allowance = .max }
            #expect(try await bytes == self.second.source.buffer)
        }
    }

    @Test(
        "Who asks for a blob hears the upstream's answer before the head is sent, also when a part of it is here",
        arguments: [(UpstreamError(.rateLimited, "limit", retryAfter: .seconds(9)), 429), (UpstreamError.down, 502)]
    )
    func firstAnswer(failure: UpstreamError, status: Int) async throws {
        let digest = first.descriptor.digest
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(image, as: "1")
            _ = try await fixture.manifest("1")
            fixture.upstream.change { $0.breaksAt = 4 << 20 }
            await #expect(throws: UpstreamError.self) { _ = try await fixture.read(digest) }
            fixture.upstream.change { $0.failure = failure }
            for _ in 0..<2 {
                let error = await #expect(throws: ServeError.self) {
                    _ = try await fixture.content.blob(digest, of: fixture.repository, isHead: false)
                }
                #expect(error?.status == status)
                #expect(error?.retryAfter == (status == 429 ? 9 : nil))
            }
            let asked = fixture.upstream.requests.filter { $0.hasPrefix("GET \(digest)") }
            // What it says of its limit holds, and it is not asked again.
            #expect(asked.count == (status == 429 ? 2 : 3))
        }
    }
}
