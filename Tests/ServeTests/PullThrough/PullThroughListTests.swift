import Cache
import OCI
import TestSupport
import Testing

@testable import Serve

@Suite(.timeLimit(.minutes(10)))
struct PullThroughListTests {
    private let image = SampleImage.image(layers: [.init(seed: 1, size: 5000)])

    @Test("The upstream's tags are the list, asked for once in a tag's lifetime; what it has deleted is not listed")
    func tags() async throws {
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(image, as: "1")
            _ = try await fixture.manifest("1")
            fixture.upstream.change { $0.tags = ["3": image.digest, "2": image.digest] }
            for _ in 0..<3 {
                let listed = try #require(try await fixture.content.tags(of: fixture.repository))
                #expect(listed.elements == ["2", "3"])
                #expect(listed.warning == nil)
            }
            #expect(fixture.upstream.requests.filter { $0 == "TAGS" }.count == 1)
            // A list may leave out what is there: the name goes when the tag itself is asked for.
            #expect(try await fixture.cache.names.resolveAny("1", in: fixture.repository) != nil)
            fixture.clock.advance(by: .seconds(301))
            #expect(try await fixture.manifest("1") == nil)
            #expect(try await fixture.cache.names.resolveAny("1", in: fixture.repository) == nil)
        }
    }

    @Test(
        "With the upstream down the last whole list is served with a warning, at once, and never the cache's own tags"
    )
    func offline() async throws {
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(image, as: "1")
            _ = try await fixture.manifest("1")
            fixture.upstream.change { $0.failure = .down }
            await #expect(throws: ServeError.self) { _ = try await fixture.content.tags(of: fixture.repository) }
            fixture.upstream.change { $0.failure = nil }
            fixture.upstream.change { $0.tags["2"] = image.digest }
            _ = try await fixture.content.tags(of: fixture.repository)
            fixture.upstream.change { $0.failure = .down }
            fixture.clock.advance(by: .seconds(301))
            for _ in 0..<3 {
                let listed = try #require(try await fixture.content.tags(of: fixture.repository))
                #expect(listed.elements == ["1", "2"])
                #expect(listed.warning != nil)
            }
            #expect(fixture.upstream.requests.filter { $0 == "TAGS" }.count == 3)
        }
    }

    @Test("A tag that was deleted upstream loses the name a client gave it; one that is whole keeps it")
    func deletedTag() async throws {
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(image, as: "1")
            try fixture.upstream.load(image, as: "2")
            _ = try await fixture.manifest("1")
            _ = try await fixture.manifest("2")
            for blob in image.blobs { _ = try await fixture.read(blob.descriptor.digest) }
            await fixture.content.tend()
            fixture.upstream.change { $0.tags = [:] }
            fixture.clock.advance(by: .seconds(301))
            #expect(try await fixture.manifest("1") == nil)
            #expect(try await fixture.cache.names.resolve(.tag("1"), in: fixture.repository) == image.top)
        }
    }

    @Test("Where nobody knows a repository it does not exist; where the upstream fails that is not said")
    func nothing() async throws {
        try await PullThroughFixture.with { fixture in
            let none = try await fixture.content.tags(of: fixture.repository)
            #expect(none == nil)
            fixture.upstream.change { $0.failure = .down }
            fixture.clock.advance(by: .seconds(11))
            await #expect(throws: ServeError.self) { _ = try await fixture.content.tags(of: fixture.repository) }
            await #expect(throws: ServeError.self) {
                _ = try await fixture.content.referrers(of: image.digest, in: fixture.repository)
            }
        }
    }

    @Test("Referrers are what the upstream lists, with types and annotations, and are served when it is down")
    func referrers() async throws {
        let signature = SampleImage.artifact(of: image.top)
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(image, as: "1")
            try fixture.upstream.load(signature)
            let entry = ReferrerEntry(
                descriptor: signature.top,
                artifactType: "application/vnd.example.signature",
                annotations: ["a": "b"]
            )
            fixture.upstream.change { $0.referrers = [entry] }
            let listed = try await fixture.content.referrers(of: image.digest, in: fixture.repository)
            #expect(listed.elements == [entry])
            // No manifest is fetched to repeat the list.
            #expect(fixture.upstream.requests.allSatisfy { $0.hasPrefix("REFERRERS") })
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
                let list = numbers.map { ReferrerEntry(descriptor: signatures[$0].top) }
                fixture.upstream.change { $0.referrers = list }
                fixture.clock.advance(by: .seconds(1000))
                let listed = try await fixture.content.referrers(of: image.digest, in: fixture.repository)
                #expect(listed.elements == list)
            }
        }
    }

    @Test("The cache keeps what an upstream lists elsewhere, or may list, and lets go what it lists nowhere")
    func keptReferrers() async throws {
        let signatures = (0..<2).map { SampleImage.artifact(of: image.top, content: "\($0)").top }
        try await PullThroughFixture.with { fixture in
            try await fixture.cache.referrers.set(of: image.digest, in: fixture.repository, to: signatures)
            for (others, isWhole, kept) in [([], false, 2), ([signatures[1]], true, 2), ([], true, 1)] {
                fixture.upstream.change { state in
                    state.referrers = [ReferrerEntry(descriptor: signatures[0])]
                    state.otherReferrers = others
                    state.tellsAllReferrers = isWhole
                }
                fixture.clock.advance(by: .seconds(1000))
                let listed = try await fixture.content.referrers(of: image.digest, in: fixture.repository)
                #expect(listed.elements.map(\.descriptor) == [signatures[0]])
                let noted = try await fixture.cache.referrers.listed(of: image.digest, in: fixture.repository)
                #expect(noted == signatures.prefix(kept).map(\.digest))
            }
        }
    }

    @Test("Referrers that the cache has are told at once while the host is left alone, as a tag is")
    func heldReferrers() async throws {
        let signature = SampleImage.artifact(of: image.top)
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(image, as: "1")
            try fixture.upstream.load(signature)
            _ = try await fixture.manifest("1")
            _ = try await fixture.manifest(named: signature.digest)
            try await fixture.cache.referrers.set(of: image.digest, in: fixture.repository, to: [signature.top])
            fixture.upstream.change { $0.failure = .down }
            fixture.clock.advance(by: .seconds(301))
            #expect(try await fixture.manifest("1")?.warning != nil)
            for _ in 0..<2 {
                let listed = try await fixture.content.referrers(of: image.digest, in: fixture.repository)
                #expect(listed.elements.map(\.descriptor) == [signature.top])
                #expect(listed.warning != nil)
            }
            #expect(!fixture.upstream.requests.contains { $0.hasPrefix("REFERRERS") })
        }
    }

    @Test("A refusal is no empty list of the type that is asked for: the cache has none of it, or the last list had")
    func heldOfOneType() async throws {
        let signature = SampleImage.artifact(of: image.top, type: "application/vnd.example.signature")
        try await PullThroughFixture.with { fixture async throws in
            try fixture.upstream.load(signature)
            _ = try await fixture.manifest(named: signature.digest)
            try await fixture.cache.referrers.set(of: image.digest, in: fixture.repository, to: [signature.top])
            let ask = { (type: String?) in
                try await fixture.content.referrers(of: image.digest, in: fixture.repository, artifactType: type)
            }
            fixture.upstream.change { $0.failure = .down }
            let held = try await ask("application/vnd.example.signature")
            #expect(held.elements.map(\.descriptor) == [signature.top] && held.warning != nil)
            await #expect(throws: ServeError.self) { _ = try await ask("application/spdx+json") }
            fixture.upstream.change { $0.failure = nil }
            fixture.clock.advance(by: .seconds(11))
            #expect(try await ask(nil).elements.isEmpty)
            fixture.upstream.change { $0.failure = .down }
            fixture.clock.advance(by: .seconds(301))
            let last = try await ask("application/spdx+json")
            #expect(last.elements.isEmpty && last.warning != nil)
        }
    }

    @Test("The link to the rest of a long list of referrers is a whole path below a proxy's, and keeps the type")
    func longReferrers() async throws {
        let entries = (0..<3).map { number in
            ReferrerEntry(
                descriptor: SampleImage.artifact(of: image.top, content: "\(number)").top,
                artifactType: "a/b",
                annotations: ["x": String(repeating: "x", count: Manifest.maximumSize / 2)]
            )
        }
        let name = "registry.example.com/app"
        let path = "/v2/\(name)/referrers/\(image.digest)"
        try await PullThroughFixture.with { fixture async throws in
            fixture.upstream.change { $0.referrers = entries + [ReferrerEntry(descriptor: image.top)] }
            let answers = ReferrerAnswers(content: fixture.content, prefix: "/mirror/")
            let address = Address(repository: fixture.repository, name: name, namespace: nil)
            var query: String? = "artifactType=a%2Fb"
            var listed: [String] = []
            while let asked = query {
                let target = try #require(RequestTarget("\(path)?\(asked)"))
                let response = try await answers.referrers(of: "\(image.digest)", in: address, target)
                let link = response.fields.first { "\($0.name)" == "Link" }?.value
                query = try link.map { text in
                    let match = try #require(text.wholeMatch(of: /<\/mirror([^?]*)\?(.*)>; rel="next"/))
                    #expect(match.1 == path)
                    return String(match.2)
                }
                listed.append(asked)
            }
            let rest = entries.dropLast().map { "last=sha256%3A\($0.descriptor.digest.hex)&artifactType=a%2Fb" }
            #expect(listed == ["artifactType=a%2Fb"] + rest)
        }
    }

    @Test(
        "Of a registry that is not asked what was pulled by digest is listed as well, or for one platform: it is answered",
        arguments: [true, false]
    )
    func catalogByDigest(isIndex: Bool) async throws {
        let foreign = RepositoryReference(host: "evil.example.com", repository: "app")
        let top = isIndex ? SampleImage.multiPlatform() : image
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(top, as: "1")
            let name: Reference = isIndex ? .tag("1") : .digest(top.digest)
            var pulled = try #require(try await fixture.manifest("1")).manifest
            try await fixture.cache.names.recordPulled(name, of: foreign, as: top.top)
            if isIndex {
                let child = try #require(pulled.references.first)
                pulled = try #require(try await fixture.manifest(named: child.digest)).manifest
            }
            #expect(try await fixture.content.repositories() == [fixture.repository])
            for part in pulled.references { _ = try await fixture.read(part.digest) }
            #expect(try await fixture.content.repositories() == [foreign, fixture.repository])
            let served = try await fixture.content.manifest(.digest(pulled.descriptor.digest), of: foreign)
            #expect(served?.manifest.descriptor == pulled.descriptor)
        }
    }

    @Test("Of a registry that is not asked only repositories with whole images are listed, as nothing else is answered")
    func catalog() async throws {
        let foreign = RepositoryReference(host: "evil.example.com", repository: "app")
        try await PullThroughFixture.with { fixture in
            try fixture.upstream.load(image, as: "1")
            _ = try await fixture.manifest("1")
            try await fixture.cache.names.recordPulled(.tag("1"), of: foreign, as: image.top)
            #expect(try await fixture.content.manifest(.tag("1"), of: foreign) == nil)
            #expect(try await fixture.content.repositories() == [fixture.repository])
            for blob in image.blobs { _ = try await fixture.read(blob.descriptor.digest) }
            await fixture.content.tend()
            #expect(try await fixture.content.repositories() == [foreign, fixture.repository])
        }
    }
}
