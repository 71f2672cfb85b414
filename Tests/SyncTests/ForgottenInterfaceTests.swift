import NIOCore
import OCI
import TestSupport
import Testing

@testable import Sync

/// Sources whose interface has listed referrers of an image that shows it no more.
@Suite(.timeLimit(.minutes(10)))
struct ForgottenInterfaceTests: ReferrerMirroring {
    private let first = SampleImage.image(labels: ["number": "1"])
    private let second = SampleImage.image(labels: ["number": "2"])

    private func artifact(of image: SampleImage, _ content: String = "signature") -> SampleImage {
        SampleImage.artifact(of: image.top, content: content)
    }

    /// What the target without the interface lists of the second image.
    private func listed(at target: ScriptedRegistry) throws -> String {
        let list = target.store.manifest(try second.digest.referrersTag, in: mirrored)
        return String(buffer: try #require(list).bytes.buffer)
    }

    /// Answers 404 instead of an empty list.
    private let missing = Action.edit {
        if !String(buffer: $0.body.read(at: 0, count: 9999)).contains("digest") { $0 = Reply(404) }
    }

    /// Mirrors the first image, of which the source's interface lists something.
    private func mirrored(
        _ body: (ScriptedRegistry, ScriptedRegistry, () async throws -> [SyncReport.Row]) async throws -> Void
    ) async throws {
        try await between(interfaceAt: true, false) { source, target in
            source.load(first, repository: repository, tag: "v1")
            source.load(artifact(of: first), repository: repository)
            try await MirrorRun.with { mirror async throws in
                let run = { try await mirror.run(entry(source, target, "tag_regex: '^v'")).rows }
                #expect(try await run().map(\.referrers) == [1])
                try await body(source, target, run)
            }
        }
    }

    @Test("Once tags take the place of the interface they decide, also when the image that it listed is gone")
    func goneWithInterface() async throws {
        try await mirrored { source, target, run async throws in
            source.store.remove(repository)
            source.options.referrersAPI = false
            source.load(second, repository: repository, tag: "v2")
            let referrers = ["one", "two"].map { artifact(of: second, $0) }
            for referrer in referrers { source.load(referrer, repository: repository) }
            try list(referrers, of: second.digest, at: source)
            #expect(try await run().map(\.warnings) == [[]])
            try list([referrers[1]], of: second.digest, at: source)
            #expect(try await run().map(\.warnings) == [[]])
            let left = try listed(at: target)
            #expect(!left.contains(referrers[0].digest.hex) && left.contains(referrers[1].digest.hex))
        }
    }

    @Test("What tags have taken the place of is forgotten, so that what it listed may go")
    func goneAfterInterface() async throws {
        try await mirrored { source, target, run async throws in
            source.options.referrersAPI = false
            source.load(second, repository: repository, tag: "v2")
            try list([artifact(of: first)], of: first.digest, at: source)
            #expect(try await run().flatMap(\.warnings).isEmpty)
            source.store.remove(repository)
            source.load(first, repository: repository, tag: "v1")
            source.load(second, repository: repository, tag: "v2")
            #expect(try await run().flatMap(\.warnings).isEmpty)
            let left = try #require(target.store.manifest(first.digest.referrersTag, in: mirrored))
            #expect(!String(buffer: left.bytes.buffer).contains(artifact(of: first).digest.hex))
        }
    }

    @Test(
        "Where nothing is told as not there, an image that has lost what referred to it proves nothing of others",
        arguments: [true, false]
    )
    func lostItsLast(isImageThere: Bool) async throws {
        try await mirrored { source, _, run async throws in
            source.script(RequestMatch("GET", "/referrers/", times: nil), missing)
            source.store.remove(repository)
            if isImageThere { source.load(first, repository: repository, tag: "v1") }
            source.load(second, repository: repository, tag: "v2")
            for _ in 0..<2 { #expect(try await run().flatMap(\.warnings).isEmpty) }
        }
    }

    @Test("A source whose manifests are shared asks its host alone where its mirrors may have what is gone")
    func withoutMirrors() async throws {
        try await MirrorFixture.with { fixture in
            try await fixture.withSource(clock: TestClock()) { source async throws in
                let shared = ReadManifests().through(source)
                #expect(try await shared.manifest(.digest(first.digest)) == nil)
                fixture.mirror.load(first, repository: MirrorFixture.repository)
                #expect(try await shared.manifest(.digest(first.digest)) != nil)
                #expect(try await shared.withoutMirrors.manifest(.digest(first.digest)) == nil)
            }
        }
    }

    @Test("An interface that is away takes nothing away, also when the image that it listed first is gone")
    func awayAfterFirst() async throws {
        try await mirrored { source, target, run async throws in
            let referrer = artifact(of: second)
            source.load(second, repository: repository, tag: "v2")
            source.load(referrer, repository: repository)
            #expect(try await run().count { $0.status == .synced } == 1)
            source.store.remove(repository)
            source.load(second, repository: repository, tag: "v2")
            source.load(referrer, repository: repository)
            source.script(RequestMatch("GET", "/referrers/", times: nil), .status(404))
            for _ in 0..<3 {
                #expect(try await run().map(\.status) == [.upToDate])
                #expect(try listed(at: target).contains(referrer.digest.hex))
            }
            source.removeScript()
            #expect(try await run().flatMap(\.warnings).isEmpty)
        }
    }
}
