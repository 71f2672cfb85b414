import Logging
import NIOCore
import OCI
import TestSupport
import Testing

@testable import Registry
@testable import Sync

/// What a server hears of a host with mirrors: tags by the host alone, and by its mirrors only when it asks for those.
@Suite(.timeLimit(.minutes(5)))
struct MirrorStandInTests {
    private let image = SampleImage.image()

    private func withUpstream(_ body: (MirrorFixture, any Upstream) async throws -> Void) async throws {
        try await MirrorFixture.with(image) { fixture in
            fixture.mirror.load(image, repository: MirrorFixture.repository, tag: "v1")
            let text = "registries: {'\(fixture.host.host)': {mirrors: ['\(fixture.mirror.host)']}}\n"
            let configuration = try Configuration(yaml: text, file: "imglife.yaml", needsEntries: false)
            var registries = RegistryConfiguration(logger: fixture.run.log.logger)
            registries.clock = TestClock()
            registries.retry = RetryPolicy(attempts: 1)
            registries.retry.maximumRetryAfter = .zero
            try await RegistryClient.with(registries) { client in
                let repositories = UpstreamRepositories(
                    configuration,
                    questions: client,
                    opening: client,
                    content: client,
                    logger: fixture.run.log.logger
                )
                let place = RepositoryReference(host: fixture.host.host, repository: MirrorFixture.repository)
                try await body(fixture, repositories.upstream(of: place))
            }
        }
    }

    private static let questions: [@Sendable (any Upstream) async throws -> Bool] = [
        { try await $0.resolve("v1") { _ in .unlikely } != nil },
        { try await $0.manifest(.tag("v1")) != nil },
        { try await $0.tags() == ["v1"] },
    ]

    @Test("While the host fails its mirrors say nothing of tags in its name", arguments: questions.indices)
    func hostAlone(index: Int) async throws {
        try await withUpstream { fixture, upstream async throws in
            #expect(try await Self.questions[index](upstream))
            fixture.host.script(RequestMatch(times: nil), .status(503))
            fixture.mirror.forgetRequests()
            let error = await #expect(throws: UpstreamError.self) { _ = try await Self.questions[index](upstream) }
            #expect(fixture.mirror.requests.isEmpty)
            #expect(error?.isOutOfReach == false)
            let others = try #require(error.flatMap { upstream.standIn(after: $0) })
            fixture.host.forgetRequests()
            #expect(try await Self.questions[index](others))
            #expect(fixture.host.requests.isEmpty)
        }
    }

    @Test("A server is told of each outage in which a mirror stands in, once")
    func told() async throws {
        try await withUpstream { fixture, upstream async throws in
            for _ in 0..<2 {
                fixture.host.script(RequestMatch(times: nil), .status(503))
                for _ in 0..<2 {
                    let error = await #expect(throws: UpstreamError.self) {
                        _ = try await upstream.resolve("v1") { _ in .unlikely }
                    }
                    _ = try await error.flatMap { upstream.standIn(after: $0) }?.tags()
                }
                fixture.host.removeScript()
                _ = try await upstream.resolve("v1") { _ in .unlikely }
            }
            #expect(fixture.warnings("may be older") == 2)
        }
    }

    @Test(
        "What a digest names comes from mirrors alone while the host is left alone, and its error stands where they lack it"
    )
    func content() async throws {
        try await withUpstream { fixture, upstream async throws in
            let others = try #require(upstream.standIn(after: UpstreamError(.timeout, "mute")))
            let blob = image.blobs[0].descriptor
            var count = 0
            try await others.readBlob(blob, from: 0, ahead: nil) { count += $0.readableBytes }
            #expect(count == Int(blob.size))
            #expect(try await others.manifest(.digest(image.digest))?.descriptor == image.top)
            #expect(try await others.size(ofBlob: blob.digest, named: nil) == blob.size)
            fixture.mirror.store.remove(blob.digest, from: MirrorFixture.repository)
            let refused = await #expect(throws: UpstreamError.self) {
                try await others.size(ofBlob: blob.digest, named: nil)
            }
            #expect(refused?.kind == .timeout)
            await #expect(throws: UpstreamError.self) {
                try await others.readBlob(blob, from: 0, ahead: nil) { _ in }
            }
            await #expect(throws: UpstreamError.self) { try await others.referrers(of: image.digest, knowing: []) }
            #expect(fixture.host.requests.isEmpty)
        }
    }

    @Test("Who stands in is left alone once all mirrors fail, but not while one only wants no requests")
    func leftAlone() async throws {
        for (answer, isLeftAlone) in [
            (.status(502), true), (.status(429, headers: ["Retry-After": "30"]), false),
        ] as [(Action, Bool)] {
            try await withUpstream { fixture, upstream async throws in
                let others = try #require(upstream.standIn(after: UpstreamError(.timeout, "mute")))
                #expect(!others.isLeftAlone && !upstream.isLeftAlone)
                fixture.mirror.script(RequestMatch(times: nil), answer)
                for _ in 0..<3 { _ = try? await others.manifest(.digest(image.digest)) }
                #expect(others.isLeftAlone == isLeftAlone)
                #expect(!upstream.isLeftAlone)
            }
        }
    }

    @Test("Nobody stands in for a host that has answered, with a refusal or a wrong certificate")
    func answered() async throws {
        try await withUpstream { _, upstream async throws in
            let wrong = RegistryError(
                kind: .connection(.certificate),
                action: .resolve,
                location: try RepositoryReference("registry.example.com/app"),
                detail: "no"
            )
            for error in [UpstreamError(.denied, "no"), UpstreamError(.unavailable, "no", cause: wrong)] {
                #expect(upstream.standIn(after: error) == nil)
            }
        }
    }
}
