import FoundationEssentials
import NIOCore
import OCI
import TestSupport
import Testing

@testable import Registry
@testable import Sync

/// Mirrors that want no requests for a time, and mirrors that give no sign.
@Suite(.timeLimit(.minutes(10)))
struct MirrorPauseTests {
    private static let refusals: [Action] = [
        .status(429, headers: ["Retry-After": "30"]), .status(503, headers: ["Retry-After": "30"]),
        .status(429, headers: ["X-Retry-After": "30"]), .status(429), .error(429, "TOOMANYREQUESTS"),
        .status(503, headers: ["Retry-After": "1"]), .status(503, headers: ["Retry-After": "86400"]),
    ]

    @Test(
        "What a registry's failure means to somebody behind a server",
        arguments: [
            (.unauthorized, 401, .denied), (.forbidden, 403, .denied), (.notFound, 404, .notFound),
            (.rateLimited(until: .distantPast), 429, .rateLimited),
            (.rateLimited(until: .distantPast), 403, .rateLimited),
            // It asks everybody to come back later.
            (.rateLimited(until: .distantPast), 503, .unavailable),
            (.unavailable, 429, .rateLimited), (.unavailable, 503, .unavailable), (.timeout, nil, .timeout),
            (.connection(.refused), nil, .unavailable), (.protocolViolation, 200, .unusable),
            (.digestMismatch, 200, .unusable), (.tooLarge, 200, .unusable), (.unsupported, 405, .unusable),
            (.rejected, 400, .unusable), (.configuration, nil, .unusable), (.blobUnknown([]), 404, .unusable),
            (.uploadLost, 404, .unusable),
        ] as [(RegistryError.Kind, Int?, UpstreamError.Kind)]
    )
    func meanings(kind: RegistryError.Kind, status: Int?, meaning: UpstreamError.Kind) async throws {
        let location = try RepositoryReference("registry.example.com/library/app")
        let error = RegistryError(kind: kind, action: .readBlob, location: location, status: status, detail: "no")
        let thrown = await #expect(throws: UpstreamError.self) {
            try await UpstreamError.mapping { () async throws -> Void in throw error }
        }
        #expect(thrown?.kind == meaning)
    }

    @Test("A mirror that wants no requests for a time is asked once in a run, however many images it is asked for")
    func askedOnce() async throws {
        for refusal in Self.refusals {
            try await MirrorFixture.with { fixture in
                fixture.mirror.script(RequestMatch(times: nil), refusal)
                let report = try await fixture.syncTwentyTags()
                #expect(report.rows.map(\.reason) == Array(repeating: nil, count: 20))
                #expect(fixture.mirror.requests.count == 1, "\(refusal)")
                #expect(fixture.warnings("a mirror fails") == 1)
                #expect(fixture.run.log.text.split(separator: "it is not asked for ").count == 2)
            }
        }
    }

    @Test("The next mirror serves while the first wants no requests")
    func nextMirror() async throws {
        try await MirrorFixture.with(.multiPlatform()) { fixture in
            try await ScriptedRegistry.with { first in
                first.script(RequestMatch(times: nil), .status(429, headers: ["Retry-After": "30"]))
                let report = try await fixture.sync(mirrors: [first.host, fixture.mirror.host])
                #expect(report.rows.map(\.reason) == [nil])
                #expect(fixture.targetHolds(.multiPlatform()))
                #expect(first.requests.count == 1)
                #expect(fixture.host.requests.map(\.method) == ["HEAD"])
            }
        }
    }

    @Test("A run whose sources cannot be reached waits for a mirror that wants no requests for a time")
    func waitedFor() async throws {
        try await MirrorFixture.with { fixture in
            fixture.mirror.load(.image(), repository: MirrorFixture.repository, tag: "v1")
            fixture.mirror.script(RequestMatch(), .status(429, headers: ["Retry-After": "30"]))
            let report = try await fixture.sync(from: MirrorFixture.refusing)
            #expect(report.rows.map(\.reason) == [nil])
            #expect(fixture.targetHolds(.image()))
        }
    }

    @Test("After its time one asks a mirror, and all others once it has answered")
    func comesBack() async throws {
        let clock = TestClock()
        try await MirrorFixture.with { fixture in
            fixture.mirror.script(RequestMatch(times: 2), .status(503, headers: ["Retry-After": "30"]))
            try await fixture.withSource(clock: clock) { source in
                let image = SampleImage.image()
                func ask(_ count: Int) async throws {
                    try await withThrowingDiscardingTaskGroup { group in
                        for _ in 0..<count { group.addTask { _ = try await source.manifest(.digest(image.digest)) } }
                    }
                }
                try await ask(8)
                clock.advance(by: .seconds(29))
                try await ask(8)
                #expect((fixture.mirror.requests.count, fixture.host.requests.count) == (1, 16))
                clock.advance(by: .seconds(2))
                try await ask(8)
                #expect((fixture.mirror.requests.count, fixture.host.requests.count) == (2, 24))
                clock.advance(by: .seconds(31))
                try await ask(1)
                try await ask(8)
                #expect((fixture.mirror.requests.count, fixture.host.requests.count) == (11, 24))
            }
        }
    }

    @Test(
        "A mirror's own time is held for a quarter of an hour at most, and what it answers late does not end it",
        arguments: [(30, 30), (899, 899), (86_400, 900)]
    )
    func bound(told: Int, held: Int) throws {
        let error = RegistryError(
            kind: .rateLimited(until: .now.addingTimeInterval(Double(told))),
            action: .readBlob,
            location: try RepositoryReference("mirror.example.com/library/app"),
            detail: "no"
        )
        var standing = MirrorStanding()
        let rest = standing.failed(error, at: .zero, restingFor: nil)
        #expect(rest == .asked(until: .seconds(held)))
        let isBack = standing.answered(at: .seconds(1))
        #expect(!isBack)
        #expect(!standing.isAsked(at: .seconds(held - 1)))
        let oneAsks = standing.begin(at: .seconds(held))
        let anotherAsks = standing.begin(at: .seconds(held))
        #expect(oneAsks && !anotherAsks)
        let isBackThen = standing.answered(at: .seconds(held))
        #expect(isBackThen)
        #expect(standing.rest == nil)
    }

    @Test("A blob that its host cannot give for the moment comes from a mirror once that wants requests again")
    func blobWaits() async throws {
        let clock = TestClock()
        let image = SampleImage.image()
        try await MirrorFixture.with(image) { fixture in
            fixture.host.script(RequestMatch("GET", .blobs, times: nil), .status(502))
            fixture.mirror.script(RequestMatch("GET", .blobs), .status(429, headers: ["Retry-After": "30"]))
            try await fixture.withSource(clock: clock) { source in
                var count = 0
                let blob = image.blobs[0].descriptor
                try await source.readBlob(blob, from: 0, ahead: nil) { count += $0.readableBytes }
                #expect(count == Int(blob.size))
            }
        }
    }

    @Test("A mirror that has announced a blob, and sent nothing of it, has sent nothing wrong")
    func announcesAlone() async throws {
        let image = SampleImage.image(layers: [.init(seed: 1, size: 3_000_000)])
        try await MirrorFixture.with(image) { fixture in
            fixture.mirror.script(RequestMatch("GET", .blobs, times: nil), .reset(afterBytes: 0))
            try await fixture.withSource(clock: TestClock()) { source in
                let blob = try #require(image.blobs.first { $0.descriptor.size == 3_000_000 }).descriptor
                for _ in 0..<2 { try await source.readBlob(blob, from: 0, ahead: nil) { _ in } }
            }
            #expect(fixture.warnings("was not usable") == 0)
        }
    }

    @Test("A mirror that has sent wrong bytes of a blob is not asked for the rest of it either, nor waited for")
    func wrongRest() async throws {
        let image = SampleImage.image(layers: [.init(seed: 1, size: 3_000_000)])
        try await MirrorFixture.with(image) { fixture in
            let blob = try #require(image.blobs.first { $0.descriptor.size == 3_000_000 }).descriptor
            fixture.mirror.script(RequestMatch("GET", .blobs), .corruptByte(at: 10))
            try await fixture.withSource(clock: TestClock()) { source in
                for offset in [0, 0, 1_000_000] as [Int64] {
                    try await source.readBlob(blob, from: offset, ahead: nil) { _ in }
                }
                #expect((fixture.mirror.requests.count, fixture.host.requests.count) == (1, 2))
                fixture.mirror.script(RequestMatch(), .status(429, headers: ["Retry-After": "30"]))
                _ = try await source.blobSize(blob.digest, named: nil)
                fixture.host.script(RequestMatch("GET", .blobs, times: nil), .status(502))
                await #expect(throws: RegistryError.self) {
                    try await source.readBlob(blob, from: 1_000_000, ahead: nil) { _ in }
                }
                #expect(fixture.mirror.requests.count == 2)
            }
        }
    }

    @Test("A server asks such a mirror once for all kinds of questions, and never waits for it")
    func served() async throws {
        let image = SampleImage.image(layers: [.init(seed: 1, size: 2_000_000), .init(seed: 2, size: 9)])
        try await MirrorFixture.with(image) { fixture in
            fixture.mirror.script(RequestMatch(times: nil), .status(429, headers: ["Retry-After": "30"]))
            let clock = TestClock()
            try await withUpstream(fixture, clock: clock) { upstream in
                try await withThrowingDiscardingTaskGroup { group in
                    for blob in image.blobs {
                        for _ in 0..<4 {
                            group.addTask { _ = try await upstream.size(ofBlob: blob.descriptor.digest, named: nil) }
                            group.addTask { try await upstream.readBlob(blob.descriptor, from: 0, ahead: nil) { _ in } }
                            group.addTask { _ = try await upstream.manifest(.digest(image.digest)) }
                        }
                    }
                }
            }
            #expect(fixture.mirror.requests.count == 1)
            #expect(clock.sleeps.isEmpty)
        }
    }

    @Test("A server whose upstream is gone as well fails at once, and does not ask the mirror again")
    func servedByNobody() async throws {
        try await MirrorFixture.with { fixture in
            fixture.mirror.script(RequestMatch(times: nil), .status(429, headers: ["Retry-After": "60"]))
            let clock = TestClock()
            try await withUpstream(fixture, from: MirrorFixture.refusing, clock: clock) { upstream in
                for _ in 0..<3 {
                    let error = await #expect(throws: UpstreamError.self) { try await upstream.manifest(.tag("v1")) }
                    #expect(error?.isOutOfReach == true)
                    let others = try #require(error.flatMap { upstream.standIn(after: $0) })
                    await #expect(throws: UpstreamError.self) { try await others.manifest(.tag("v1")) }
                    await #expect(throws: UpstreamError.self) { try await others.tags() }
                }
            }
            #expect(fixture.mirror.requests.count == 1)
            #expect(clock.sleeps.allSatisfy { $0 < .seconds(10) })
        }
    }

    @Test("A mirror that hangs costs a server one request and one wait, and is asked again after a minute")
    func hanging() async throws {
        let (clock, timeouts, gate) = (TestClock(), ManualClock(), Gate())
        try await MirrorFixture.with { fixture in
            fixture.mirror.script(RequestMatch(), .holdHead(gate))
            try await withUpstream(fixture, clock: clock, timeoutClock: timeouts) { upstream in
                let digest = SampleImage.image().digest
                async let first = upstream.manifest(.digest(digest))
                async let second = upstream.manifest(.digest(digest))
                try await gate.waitForArrivals()
                try await timeouts.waitForSleepers()
                timeouts.advance(by: .seconds(61))
                _ = try await (first, second)
                _ = try await upstream.manifest(.digest(digest))
                #expect((fixture.mirror.requests.count, fixture.host.requests.count) == (1, 3))
                clock.advance(by: .seconds(61))
                _ = try await upstream.manifest(.digest(digest))
                #expect((fixture.mirror.requests.count, fixture.host.requests.count) == (2, 3))
            }
            gate.open()
        }
    }

    private func withUpstream(
        _ fixture: MirrorFixture,
        from host: RegistryHost? = nil,
        clock: TestClock,
        timeoutClock: any Clock<Duration> = ContinuousClock(),
        _ body: (any Upstream) async throws -> Void
    ) async throws {
        let host = host ?? fixture.host.host
        let text = "registries: {'\(host)': {mirrors: ['\(fixture.mirror.host)']}}\n"
        let configuration = try Configuration(yaml: text, file: "imglife.yaml", needsEntries: false)
        var hasty = MirrorFixture.registries(clock)
        hasty.timeoutClock = timeoutClock
        hasty.retry.maximumRetryAfter = .zero
        var patient = MirrorFixture.registries(clock)
        patient.retry.maximumRetryAfter = .seconds(30)
        try await RegistryClient.with(hasty) { [hasty, patient] questions in
            try await RegistryClient.with(hasty) { opening in
                try await RegistryClient.with(patient) { content in
                    let upstreams = UpstreamRepositories(
                        configuration,
                        questions: questions,
                        opening: opening,
                        content: content,
                        logger: fixture.run.log.logger
                    )
                    let place = RepositoryReference(host: host, repository: MirrorFixture.repository)
                    try await body(upstreams.upstream(of: place))
                }
            }
        }
    }
}
