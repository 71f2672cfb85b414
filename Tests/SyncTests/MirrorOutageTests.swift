import Logging
import NIOCore
import OCI
import TestSupport
import Testing

@testable import Registry
@testable import Sync

/// Mirrors that fail again and again, and readers that fail.
@Suite(.timeLimit(.minutes(10)))
struct MirrorOutageTests {
    @Test(
        "A mirror that gives no good answer three times in a row is left out for the rest of the run",
        arguments: [Action.status(500), .status(503), .resetBeforeHead, .html]
    )
    func leftOut(action: Action) async throws {
        try await MirrorFixture.with { fixture in
            fixture.mirror.script(RequestMatch(times: nil), action)
            let report = try await fixture.syncTwentyTags()
            #expect(report.rows.map(\.reason) == Array(repeating: nil, count: 20))
            // Eight tags are under way at once, and every operation is tried twice; a connection that breaks before an
            // answer may have been stale, so a request on it is made once more each time.
            #expect((6...48).contains(fixture.mirror.requests.count), "\(fixture.mirror.requests.count)")
            #expect(fixture.warnings("a mirror fails") == 1)
            #expect(fixture.run.log.text.split(separator: "not asked again").count == 2)
        }
    }

    @Test("A server leaves a mirror out for a minute that answers with a web page three times in a row")
    func leftOutByServers() async throws {
        let (clock, log) = (TestClock(), LogText())
        let location = try RepositoryReference("mirror.example.com/library/app")
        let page = RegistryError(
            kind: .protocolViolation,
            action: .readManifest,
            location: location,
            detail: RegistryError.webPage
        )
        try await RegistryClient.with(try configuration) { client in
            let mirror = client.repository(location, for: .pull)
            let health = MirrorHealth(logger: log.logger, clock: clock, rest: .seconds(60))
            for isAsked in [true, true, false] {
                health.failed(location, page)
                #expect(health.reachable([mirror]).isEmpty != isAsked)
            }
            clock.advance(by: .seconds(60))
            #expect(health.reachable([mirror]).count == 1)
        }
        let warnings = log.text.split(separator: "\n").filter { $0.hasPrefix("warning") }
        #expect(warnings.count == 1 && warnings.first?.contains(RegistryError.webPage) == true, "\(log.text)")
    }

    @Test("A mirror of which the one who asks after its rest hears nothing, because it stops, is asked by the next")
    func stopsAfterRest() async throws {
        let clock = TestClock()
        let health = MirrorHealth(logger: LogText().logger, clock: clock, rest: .seconds(60))
        let location = try RepositoryReference("mirror.example.com/library/app")
        let refused = RegistryError(kind: .connection(.refused), action: .readBlob, location: location, detail: "no")
        try await RegistryClient.with(try configuration) { client in
            let mirror = client.repository(location, for: .pull)
            health.failed(location, refused)
            #expect(health.reachable([mirror]).isEmpty)
            clock.advance(by: .seconds(61))
            await #expect(throws: ReaderError.self) {
                try await health.asking(mirror) { _ -> Int? in throw ReaderFailure(ReaderError()) }
            }
            let answer = try await health.asking(mirror) { _ in 1 }
            #expect(answer == 1)
        }
    }

    @Test(
        "Only failures in a row count, and only those that are the mirror's own",
        arguments: [
            ([.timeout, .timeout, .timeout], false), ([.unavailable, .connection(.reset), .timeout], false),
            ([.connection(.refused)], false), ([.timeout, .timeout], true),
            ([.timeout, .timeout, nil, .timeout, .unavailable], true),
            ([.timeout, .timeout, .notFound, .timeout, .timeout], true),
            ([.forbidden, .forbidden, .forbidden, .digestMismatch, .protocolViolation], true),
        ] as [([RegistryError.Kind?], Bool)]
    )
    func counting(kinds: [RegistryError.Kind?], isAsked: Bool) async throws {
        let location = try RepositoryReference("mirror.example.com/library/app")
        try await RegistryClient.with(try configuration) { client in
            let health = MirrorHealth(logger: LogText().logger)
            for kind in kinds {
                if let kind {
                    health.failed(
                        location,
                        RegistryError(kind: kind, action: .readBlob, location: location, detail: "no")
                    )
                } else {
                    health.answered(location)
                }
            }
            #expect(health.reachable([client.repository(location, for: .pull)]).count == (isAsked ? 1 : 0))
        }
    }

    private var configuration: RegistryConfiguration {
        get throws {
            var configuration = RegistryConfiguration(logger: LogText().logger)
            configuration.clock = TestClock()
            return configuration
        }
    }

    private struct ReaderError: Error {}

    @Test(
        "What the reader throws comes out as it is, is no failure of a mirror, and nobody else is asked then",
        arguments: [3_000_000, 1000],
        [true, false]
    )
    func readerFails(size: Int, atMirror: Bool) async throws {
        let image = SampleImage.image(layers: [.init(seed: 1, size: size)])
        let blob = image.blobs[1].descriptor
        try await MirrorFixture.with(image) { fixture in
            if !atMirror { fixture.mirror.store.remove(blob.digest, from: MirrorFixture.repository) }
            try await RegistryClient.with(try configuration) { client in
                let log = LogText()
                func repository(_ registry: ScriptedRegistry) -> Repository {
                    let place = RepositoryReference(host: registry.host, repository: MirrorFixture.repository)
                    return client.repository(place, for: .pull)
                }
                let source = MirroredSource(
                    host: repository(fixture.host),
                    mirrors: [repository(fixture.mirror)],
                    health: MirrorHealth(logger: log.logger)
                )
                await #expect(throws: ReaderError.self) {
                    try await source.readBlob(blob, from: 0) { _ in throw ReaderError() }
                }
                #expect(fixture.host.count("GET") == (atMirror ? 0 : 1))
                // What a mirror lacks is asked for twice, as it may only be late.
                #expect(fixture.mirror.count("GET") == (atMirror ? 1 : 2))
                #expect(log.text.isEmpty)
            }
        }
    }
}
