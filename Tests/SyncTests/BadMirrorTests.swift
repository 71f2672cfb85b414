import OCI
import TestSupport
import Testing

@testable import Registry
@testable import Sync

/// Mirrors that answer, and never well.
@Suite(.timeLimit(.minutes(10)))
struct BadMirrorTests {
    /// A run with a mirror that has all that the host has, and does this to what is asked below a path.
    private func expectLeftOut(_ path: String, _ action: Action) async throws {
        try await MirrorFixture.with { fixture in
            for number in 1...20 {
                let image = SampleImage.image(layers: [.init(seed: UInt64(number), size: 5000)])
                fixture.mirror.load(image, repository: MirrorFixture.repository)
            }
            fixture.mirror.script(RequestMatch("GET", .containing(path), times: nil), action)
            let report = try await fixture.syncTwentyTags()
            #expect(report.rows.map(\.reason) == Array(repeating: nil, count: 20))
            let count = fixture.mirror.count(pathContains: path) - fixture.mirror.count(pathContains: "/again")
            // Several are under way at once, and some answers are asked for twice.
            #expect((3...48).contains(count), "\(count)")
            #expect(fixture.warnings("a mirror fails") == 1)
            #expect(fixture.run.log.text.split(separator: "not asked again").count == 2)
        }
    }

    @Test(
        "A mirror that has no good answer to anything is left out for the rest of the run",
        arguments: [
            .status(400), .error(400, "UNSUPPORTED"), .status(406), .status(451), .reply(.json(200, "{}")),
            .redirect(to: "/v2/library/app/manifests/again"),
        ] as [Action]
    )
    func noAnswer(action: Action) async throws {
        try await expectLeftOut("/v2/", action)
    }

    @Test(
        "A mirror whose blobs are wrong, or cut, is left out for the rest of the run, however good its manifests are",
        arguments: [Action.corruptByte(at: 10), .contentLength(50), .close(afterBytes: 50)]
    )
    func badBlobs(action: Action) async throws {
        try await expectLeftOut("/blobs/", action)
    }

    @Test("Large blobs that are found wrong later count as well, until one was right", arguments: [true, false])
    func largeBlobs(isOneRight: Bool) async throws {
        let image = SampleImage.image(layers: (1...4).map { .init(seed: $0, size: 2_000_000) })
        let layers = image.blobs.map(\.descriptor).filter { $0.size == 2_000_000 }
        try await MirrorFixture.with(image) { fixture in
            fixture.mirror.script(RequestMatch("GET", .blobs, times: nil), .corruptByte(at: 10))
            try await fixture.withSource(clock: TestClock()) { source in
                let isAsked = { source.health.reachable(source.mirrors).count == 1 }
                for (number, layer) in layers.enumerated() where isAsked() {
                    #expect(number < 3 || isOneRight)
                    #expect(try await source.manifest(.digest(image.digest)) != nil)
                    try await source.readBlob(layer, from: 0) { _ in }
                    if isOneRight, number == 1 { source.wasRight(layer.digest) }
                    // Who reads it again from its beginning has found it wrong.
                    try await source.readBlob(layer, from: 0) { _ in }
                }
                #expect(isAsked() == isOneRight)
            }
        }
    }
}
