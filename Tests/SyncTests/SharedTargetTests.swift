import NIOCore
import OCI
import Sync
import TestSupport
import Testing

/// Several sources with one image, and what refers to it in each, that share a target repository.
@Suite(.timeLimit(.minutes(10)))
struct SharedTargetTests: ReferrerMirroring {
    private static let sources: [RepositoryName] = ["dev", "prod"]
    private let image = SampleImage.image()
    private var artifacts: [SampleImage] {
        Self.sources.map { SampleImage.artifact(of: image.top, content: "\($0)") }
    }

    /// What the target lists of the artifacts.
    private func listed(_ target: ScriptedRegistry) throws -> [Bool] {
        let list = try #require(target.store.manifest(try image.digest.referrersTag, in: mirrored))
        let text = String(buffer: list.bytes.buffer)
        return artifacts.map { text.contains($0.digest.hex) }
    }

    private func entries(_ source: ScriptedRegistry, _ target: ScriptedRegistry) -> [String] {
        Self.sources.map { entry(source, target, "tag_regex: '^v'", from: "\($0)") }
    }

    private func load(_ source: ScriptedRegistry) throws {
        for (repository, artifact) in zip(Self.sources, artifacts) {
            source.load(image, repository: repository, tag: try TagName("v\(repository)"))
            source.load(artifact, repository: repository)
            if !source.options.referrersAPI {
                try list([artifact], of: image.digest, at: source, in: repository)
            }
        }
    }

    @Test("What one source lists another does not take away, and withdraws alone", arguments: [true, false])
    func lists(hasInterface: Bool) async throws {
        try await between(interfaceAt: hasInterface, false) { source, target in
            try load(source)
            try await MirrorRun.with { mirror async throws in
                let entries = entries(source, target)
                #expect(try await mirror.run(entries).rows.map(\.referrers) == [1, 1])
                #expect(try listed(target) == [true, true])
                target.forgetRequests()
                for _ in 0..<3 { #expect(try await mirror.run(entries).upToDate == 2) }
                #expect(target.count("PUT") == 0)
                source.store.remove("dev")
                source.load(image, repository: "dev", tag: "vdev")
                #expect(try await mirror.run(entries).rows.map(\.reason) == ["referrers new", nil])
                #expect(try listed(target) == [false, true])
                for _ in 0..<3 { #expect(try await mirror.run(entries).upToDate == 2) }
            }
        }
    }

    @Test("Nor where each source stands in a configuration of its own", arguments: [true, false])
    func configurations(hasInterface: Bool) async throws {
        try await between(interfaceAt: hasInterface, false) { source, target in
            try load(source)
            try await MirrorRun.with { mirror async throws in
                let entries = entries(source, target)
                for entry in entries { #expect(try await mirror.run(entry).synced == 1) }
                #expect(try listed(target) == [true, true])
                target.forgetRequests()
                for _ in 0..<3 {
                    for entry in entries { #expect(try await mirror.run(entry).upToDate == 1) }
                }
                #expect(target.count("PUT") == 0)
                source.store.remove("dev")
                source.load(image, repository: "dev", tag: "vdev")
                #expect(try await mirror.run(entries[0]).rows.map(\.reason) == ["referrers new"])
                #expect(try listed(target) == [false, true])
                for entry in entries { #expect(try await mirror.run(entry).upToDate == 1) }
            }
        }
    }

    @Test("What all sources listed goes when the last of them withdraws it")
    func common() async throws {
        try await between(interfaceAt: true, false) { source, target in
            try load(source)
            for repository in Self.sources { source.load(artifacts[0], repository: repository) }
            try await MirrorRun.with { mirror async throws in
                let entries = entries(source, target)
                #expect(try await mirror.run(entries).rows.map(\.referrers) == [1, 2])
                for (repository, isListed) in zip(Self.sources, [true, false]) {
                    source.store.remove(artifacts[0].digest, from: repository)
                    _ = try await mirror.run(entries)
                    #expect(try listed(target) == [isListed, true])
                    #expect(try await mirror.run(entries).upToDate == 2)
                }
            }
        }
    }

    @Test("Two signatures for one tag of the target fail the entry that comes second, in each run, until they are one")
    func signatures() async throws {
        try await between(interfaceAt: false, true) { source, target in
            let tag = try TagName("sha256-\(image.digest.hex).sig")
            for repository in Self.sources {
                source.load(image, repository: repository, tag: try TagName("v\(repository)"))
                source.load(.image(labels: ["by": "\(repository)"]), repository: repository, tag: tag)
            }
            try await MirrorRun.with { mirror async throws in
                let entries = entries(source, target)
                for _ in 0..<4 {
                    let failed = try await mirror.run(entries).rows.filter { $0.status == .failed }
                    #expect(failed.map(\.code) == [.conflict])
                    let reason = try #require(failed.first?.reason)
                    #expect(reason.contains("/dev:\(tag) (sync.entries[0])") && reason.contains("/prod:\(tag)"))
                    #expect(reason.contains("different images for one tag, \(target.host)/\(mirrored):\(tag)"))
                }
                let both = SampleImage.image(labels: ["by": "both"])
                for repository in Self.sources { source.load(both, repository: repository, tag: tag) }
                for _ in 0..<100 where target.store.digest(of: tag, in: mirrored) != both.digest {
                    _ = try await mirror.run(entries)
                }
                for _ in 0..<2 { _ = try await mirror.run(entries) }
                #expect(try await mirror.run(entries).upToDate == 2)
                #expect(target.store.digest(of: tag, in: mirrored) == source.store.digest(of: tag, in: "dev"))
            }
        }
    }

    @Test("What a source withdraws goes from each of its targets, also where a write has failed before")
    func twoTargets() async throws {
        try await between(interfaceAt: true, false) { source, first in
            try await ScriptedRegistry.with { second in
                second.options.referrersAPI = false
                source.load(image, repository: "dev", tag: "v1")
                for artifact in artifacts { source.load(artifact, repository: "dev") }
                try await MirrorRun.with { mirror async throws in
                    let entries = [first, second].map { entry(source, $0, "tag_regex: '^v'", from: "dev") }
                    #expect(try await mirror.run(entries).rows.map(\.referrers) == [2, 2])
                    source.store.remove(artifacts[0].digest, from: "dev")
                    let list = RequestMatch("PUT", .manifest("\(try image.digest.referrersTag)"))
                    for target in [first, second] { target.script(list, .status(403)) }
                    #expect(try await mirror.run(entries).rows.map(\.status) == [.failed, .failed])
                    #expect(try await mirror.run(entries).errors == 0)
                    for target in [first, second] { #expect(try listed(target) == [false, true]) }
                    #expect(try await mirror.run(entries).upToDate == 2)
                }
            }
        }
    }
}
