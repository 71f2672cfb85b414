import NIOCore
import OCI
import Sync
import TestSupport
import Testing

/// A target that is another entry's source, in which others add signatures of their own.
@Suite(.timeLimit(.minutes(2)))
struct ChainedReferrersTests: ReferrerMirroring {
    /// Registries of upstream, staging and production.
    private func chain(
        interfaceAtStaging: Bool,
        _ body: (ScriptedRegistry, ScriptedRegistry, ScriptedRegistry, _ entries: [String]) async throws -> Void
    ) async throws {
        try await between(interfaceAt: true, interfaceAtStaging) { upstream, staging in
            try await ScriptedRegistry.with { production in
                production.options.referrersAPI = interfaceAtStaging
                let entries = [
                    entry(upstream, staging), entry(staging, production, from: "mirrors/app", to: "prod/app"),
                ]
                try await body(upstream, staging, production, entries)
            }
        }
    }

    @Test("What others list at staging goes on to production, and is taken away nowhere", arguments: [true, false])
    func ownSignature(hasInterface: Bool) async throws {
        try await chain(interfaceAtStaging: hasInterface) { upstream, staging, production, entries in
            let image = SampleImage.image()
            let theirs = SampleImage.artifact(of: image.top)
            let own = SampleImage.artifact(of: image.top, content: "own")
            upstream.load(image, repository: repository, tag: "v1")
            upstream.load(theirs, repository: repository)
            try await MirrorRun.with { mirror async throws in
                for _ in 0..<2 { _ = try await mirror.run(entries[0], entries[1]) }
                staging.load(own, repository: mirrored)
                if !hasInterface { try list([theirs, own], of: image.digest, at: staging, in: mirrored) }
                for _ in 0..<3 {
                    let report = try await mirror.run(entries[0], entries[1])
                    #expect(report.errors == 0 && report.rows.flatMap(\.warnings).isEmpty, "\(report.rows)")
                }
                #expect(production.store.holds(own, repository: "prod/app"))
                if !hasInterface {
                    for (registry, name) in [(staging, mirrored), (production, "prod/app")] {
                        let list = try #require(registry.store.manifest(image.digest.referrersTag, in: name))
                        let text = String(buffer: list.bytes.buffer)
                        #expect(text.contains(own.digest.hex) && text.contains(theirs.digest.hex))
                    }
                }
                let last = try await mirror.run(entries[0], entries[1])
                #expect(last.rows.map(\.status) == [.upToDate, .upToDate])
            }
        }
    }

    @Test("A signature's tag that others have changed is not stored again for others", arguments: [true, false])
    func signedBeside(isChained: Bool) async throws {
        try await chain(interfaceAtStaging: true) { upstream, staging, production, entries in
            let image = SampleImage.image()
            let tag = try TagName("sha256-\(image.digest.hex).sig")
            upstream.load(image, repository: repository, tag: "v1")
            upstream.load(.image(labels: ["by": "them"]), repository: repository, tag: tag)
            try await MirrorRun.with { mirror async throws in
                let run = { try await isChained ? mirror.run(entries[0], entries[1]) : mirror.run(entries[0]) }
                for _ in 0..<2 { _ = try await run() }
                let both = SampleImage.image(labels: ["by": "both"])
                staging.load(both, repository: mirrored, tag: tag)
                upstream.load(.artifact(of: image.top), repository: repository)
                let isThere = {
                    staging.store.holds(.artifact(of: image.top), repository: mirrored)
                        && (!isChained || production.store.digest(of: tag, in: "prod/app") == both.digest)
                }
                for _ in 0..<100 where !isThere() { #expect(try await run().errors == 0) }
                #expect(staging.store.holds(.artifact(of: image.top), repository: mirrored))
                #expect(staging.store.digest(of: tag, in: mirrored) == both.digest)
                if isChained { #expect(production.store.digest(of: tag, in: "prod/app") == both.digest) }
                // What they sign anew comes, and tells what it replaces.
                let new = SampleImage.image(labels: ["by": "them", "again": "yes"])
                upstream.load(new, repository: repository, tag: tag)
                var warnings: [String] = []
                for _ in 0..<100 where staging.store.digest(of: tag, in: mirrored) != new.digest {
                    warnings += try await run().rows.flatMap(\.warnings)
                }
                #expect(staging.store.digest(of: tag, in: mirrored) == new.digest)
                #expect(warnings.count { $0.contains("\(both.digest)") } == 1, "\(warnings)")
            }
        }
    }
}
