import Cache
import OCI
import TestSupport
import Testing

@testable import Serve

@Suite(.timeLimit(.minutes(10)))
struct PullThroughListTests {
    private let image = SampleImage.image(layers: [.init(seed: 1, size: 5000)])

    @Test("The tags of the cache and of the upstream are one list, asked for once a minute")
    func tags() async throws {
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(image, as: "1")
            _ = try await fixture.manifest("1")
            fixture.upstream.change { $0.tags = ["2": image.digest] }
            for _ in 0..<3 {
                let listed = try #require(try await fixture.content.tags(of: fixture.repository))
                #expect(listed.elements.sorted() == ["1", "2"])
                #expect(listed.warning == nil)
            }
            #expect(fixture.upstream.requests.filter { $0 == "TAGS" }.count == 1)
        }
    }

    @Test("With the upstream down the tags of the cache are listed, with a warning")
    func offline() async throws {
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(image, as: "1")
            _ = try await fixture.manifest("1")
            fixture.upstream.change { $0.failure = .down }
            let listed = try #require(try await fixture.content.tags(of: fixture.repository))
            #expect(listed.elements == ["1"])
            #expect(listed.warning != nil)
        }
    }

    @Test("Where nobody knows a repository it does not exist; where the upstream fails that is not said")
    func nothing() async throws {
        try await PullThroughFixture.with { fixture in
            let none = try await fixture.content.tags(of: fixture.repository)
            #expect(none == nil)
            fixture.upstream.change { $0.failure = .down }
            await #expect(throws: ServeError.self) { _ = try await fixture.content.tags(of: fixture.repository) }
            await #expect(throws: ServeError.self) {
                _ = try await fixture.content.referrers(of: image.digest, in: fixture.repository)
            }
        }
    }

    @Test("Referrers are fetched from the upstream, stored, and served when it is down")
    func referrers() async throws {
        let signature = SampleImage.artifact(of: image.top)
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(image, as: "1")
            try fixture.upstream.load(signature)
            fixture.upstream.change { $0.referrers = [signature.top] }
            let listed = try await fixture.content.referrers(of: image.digest, in: fixture.repository)
            #expect(listed.elements.map(\.descriptor) == [signature.top])
            #expect(listed.elements.first?.artifactType == "application/vnd.example.signature")
            fixture.upstream.change { $0.failure = .down }
            fixture.clock.advance(by: .seconds(1000))
            let later = try await fixture.content.referrers(of: image.digest, in: fixture.repository)
            #expect(later.elements.map(\.descriptor) == [signature.top])
            #expect(later.warning != nil)
        }
    }

    @Test("Of referrers the upstream's own list is the answer: what it lists no more is not served either")
    func removedReferrers() async throws {
        let signatures = (0..<3).map { SampleImage.artifact(of: image.top, content: "\($0)") }
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(image, as: "1")
            for signature in signatures { try fixture.upstream.load(signature) }
            for numbers in [[2, 0], [1, 2], []] {
                let list = numbers.map { signatures[$0].top }
                fixture.upstream.change { $0.referrers = list }
                fixture.clock.advance(by: .seconds(1000))
                let listed = try await fixture.content.referrers(of: image.digest, in: fixture.repository)
                #expect(listed.elements.map(\.descriptor) == list)
            }
        }
    }
}
