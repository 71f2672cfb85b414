import NIOCore
import OCI
import Registry
import Sync
import TestSupport
import Testing

/// Lists of referrers under a tag that goes away, from a source without the interface.
@Suite(.timeLimit(.minutes(10)))
struct GoneReferrerListTests: ReferrerMirroring {
    private let image = SampleImage.image()
    private var artifact: SampleImage { SampleImage.artifact(of: image.top) }

    /// An image whose list has been mirrored.
    private struct Mirrored {
        let mirror: MirrorRun
        let entry: String
        let source: ScriptedRegistry
        /// Whether the target lists what the source has listed.
        let isListed: () throws -> Bool

        func run() async throws -> [SyncReport.Row] { try await mirror.run(entry).rows }
    }

    private func load(_ source: ScriptedRegistry, listing: Bool) throws {
        source.store.remove(repository)
        source.load(image, repository: repository, tag: "v1")
        guard listing else { return }
        source.load(artifact, repository: repository)
        try list([artifact], of: image.digest, at: source)
    }

    private func mirrored(
        _ selection: String,
        scripting script: (RequestMatch, Action)? = nil,
        _ body: (Mirrored) async throws -> Void
    ) async throws {
        try await between(interfaceAt: false, false) { source, target in
            if let script { source.script(script.0, script.1) }
            try load(source, listing: true)
            try await MirrorRun.with { mirror async throws in
                let mirrored = Mirrored(mirror: mirror, entry: entry(source, target, selection), source: source) {
                    let list = target.store.manifest(try image.digest.referrersTag, in: self.mirrored)
                    return String(buffer: try #require(list).bytes.buffer).contains(artifact.digest.hex)
                }
                #expect(try await mirrored.run().map(\.referrers) == [1])
                try await body(mirrored)
            }
        }
    }

    @Test("A list that goes away with its tag takes what it listed away", arguments: ["tag: v1", "tag_regex: '^v'"])
    func tagGoesAway(selection: String) async throws {
        try await mirrored(selection) { mirrored async throws in
            try load(mirrored.source, listing: false)
            #expect(try await mirrored.run().map(\.reason) == ["referrers new"])
            #expect(try !mirrored.isListed())
            mirrored.source.forgetRequests()
            #expect(try await mirrored.run().map(\.status) == [.upToDate])
            #expect(mirrored.source.count(pathContains: "/manifests/sha256-") == 0)
            try load(mirrored.source, listing: true)
            #expect(try await mirrored.run().map(\.referrers) == [1])
            #expect(try mirrored.isListed())
        }
    }

    @Test("A list that goes away where tags are not listed is missed by and by")
    func unlisted() async throws {
        try await mirrored("tag: v1", scripting: (RequestMatch("GET", .tags, times: nil), .status(403))) {
            mirrored async throws in
            try load(mirrored.source, listing: false)
            for _ in 0..<200 where try mirrored.isListed() { _ = try await mirrored.run() }
            #expect(try !mirrored.isListed())
            for _ in 0..<6 { #expect(try await mirrored.run().map(\.status) == [.upToDate]) }
        }
    }

    @Test(
        "A list is not taken for gone where the source does not say whether it has the interface, or which tags",
        arguments: [
            (RequestMatch("GET", "/referrers/", times: nil), Action.status(403)),
            (RequestMatch("GET", "/referrers/", times: nil), .error(404, "MANIFEST_UNKNOWN")),
            (RequestMatch("GET", .tags, times: nil), .error(404, "NAME_UNKNOWN")),
        ]
    )
    func untold(match: RequestMatch, action: Action) async throws {
        try await mirrored("tag: v1") { mirrored async throws in
            try load(mirrored.source, listing: false)
            mirrored.source.script(match, action)
            for _ in 0..<3 { #expect(try await mirrored.run().map(\.status) == [.upToDate]) }
            #expect(try mirrored.isListed())
        }
    }

    @Test("A listing of tags that lacks the list's for a moment takes nothing away")
    func staleListing() async throws {
        try await mirrored("tag_regex: '^v'") { mirrored async throws in
            mirrored.source.script(RequestMatch("GET", .tags), .reply(.json(200, #"{"name":"app","tags":["v1"]}"#)))
            for _ in 0..<2 {
                #expect(try await mirrored.run().map(\.status) == [.upToDate])
                #expect(try mirrored.isListed())
            }
        }
    }
}
