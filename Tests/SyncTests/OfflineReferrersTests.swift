import NIOCore
import OCI
import Registry
import Sync
import TestSupport
import Testing

/// What refers to images, where a target gets it from the cache alone.
@Suite(.timeLimit(.minutes(10)))
struct OfflineReferrersTests: ReferrerMirroring {
    private let image = SampleImage.image()

    /// Runs the body with a cache that has brought an image to a near target and, offline, to a far one.
    private func carried(
        interfaceAt hasInterface: Bool,
        _ body: (
            _ source: ScriptedRegistry, _ far: ScriptedRegistry, _ online: () async throws -> SyncReport,
            _ offline: () async throws -> SyncReport
        ) async throws -> Void
    ) async throws {
        try await between(interfaceAt: true, hasInterface) { source, far in
            try await ScriptedRegistry.with { near in
                source.load(image, repository: repository, tag: "v1")
                try await MirrorRun.with { mirror in
                    var isolated = mirror
                    isolated.isOffline = true
                    let online = { try await mirror.run(entry(source, near, "tag_regex: '^v'")) }
                    let offline = { [isolated] in try await isolated.run(entry(source, far, "tag_regex: '^v'")) }
                    _ = try await online()
                    #expect(try await offline().rows.map(\.status) == [.synced])
                    try await body(source, far, online, offline)
                }
            }
        }
    }

    @Test("What came to the cache later is brought as well, once", arguments: [true, false])
    func later(hasInterface: Bool) async throws {
        try await carried(interfaceAt: hasInterface) { source, far, online, offline in
            let list = SampleImage.artifact(of: image.top)
            let signature = SampleImage.artifact(of: list.top)
            let tag = try TagName("sha256-\(image.digest.hex).sig")
            for one in [list, signature] { source.load(one, repository: repository) }
            source.load(.image(labels: ["kind": "signature"]), repository: repository, tag: tag)
            for _ in 0..<50 where try await online().rows.map(\.status) != [.synced] {}
            let report = try await offline()
            #expect(report.rows.map(\.status) == [.synced])
            #expect(report.rows.map(\.referrers) == [3])
            #expect(far.store.holds(list, repository: mirrored) && far.store.holds(signature, repository: mirrored))
            #expect(far.store.digest(of: tag, in: mirrored) != nil)
            far.forgetRequests()
            #expect(try await offline().rows.map(\.status) == [.upToDate])
            #expect(far.requests.filter { !$0.path.hasSuffix("/tags/list") }.map(\.uri) == [])
        }
    }

    @Test("What others have brought to the target is seen to once; what it has lost is brought again")
    func elsewhere() async throws {
        try await carried(interfaceAt: true) { source, far, online, offline in
            let list = SampleImage.artifact(of: image.top)
            source.load(list, repository: repository)
            _ = try await online()
            far.load(list, repository: mirrored)
            #expect(try await offline().errors == 0)
            far.forgetRequests()
            #expect(try await offline().rows.map(\.status) == [.upToDate])
            #expect(far.requests.filter { !$0.path.hasSuffix("/tags/list") }.map(\.uri) == [])
            let tag = try TagName("sha256-\(image.digest.hex).sig")
            let signature = SampleImage.image(labels: ["kind": "signature"])
            source.load(signature, repository: repository, tag: tag)
            for _ in 0..<50 where try await online().rows.map(\.status) != [.synced] {}
            #expect(try await offline().rows.map(\.referrers) == [2])
            far.store.remove(mirrored)
            far.load(image, repository: mirrored, tag: "v1")
            #expect(try await offline().rows.map(\.status) == [.synced])
            #expect(far.store.digest(of: tag, in: mirrored) == signature.digest)
        }
    }

    @Test("What the cache lacks takes nothing away")
    func nothingGoes() async throws {
        try await carried(interfaceAt: false) { source, far, online, offline in
            let list = SampleImage.artifact(of: image.top)
            far.load(list, repository: mirrored)
            try self.list([list], of: image.digest, at: far, in: mirrored)
            let other = SampleImage.artifact(of: image.top, type: "application/x.other")
            source.load(other, repository: repository)
            for _ in 0..<50 where try await online().rows.map(\.status) != [.synced] {}
            #expect(try await offline().rows.map(\.status) == [.synced])
            let tag = try image.digest.referrersTag
            let text = String(buffer: try #require(far.store.manifest(tag, in: mirrored)).bytes.buffer)
            #expect(text.contains("\(list.digest)") && text.contains("\(other.digest)"))
        }
    }

    @Test("A list that could not be written is written by the next run")
    func listFails() async throws {
        try await carried(interfaceAt: false) { source, far, online, offline in
            source.load(.artifact(of: image.top), repository: repository)
            _ = try await online()
            let tag = try image.digest.referrersTag
            far.script(RequestMatch("PUT", .manifest("\(tag)"), times: nil), .status(500))
            #expect(try await offline().rows.map(\.status) == [.failed])
            far.removeScript()
            #expect(try await offline().rows.map(\.status) == [.synced])
            #expect(far.store.digest(of: tag, in: mirrored) != nil)
        }
    }
}
