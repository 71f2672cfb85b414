import OCI
import Sync
import TestSupport
import Testing

/// What plans and dry runs tell of what refers to images that would be copied.
@Suite(.timeLimit(.minutes(2)))
struct ForeseenReferrersTests: ReferrerMirroring {
    @Test("A source that does not tell what refers to an image fails a dry run and a plan as it fails the run")
    func untold() async throws {
        try await between(interfaceAt: true, true) { source, target in
            source.load(.image(), repository: repository, tag: "v1")
            source.script(RequestMatch("GET", .containing("/referrers/"), times: nil), .status(500))
            try await MirrorRun.with { mirror async throws in
                let entry = entry(source, target)
                let rows = try await mirror.foresee(entry).rows
                #expect(rows.map(\.status) == [.failed])
                #expect(try await mirror.plan(entry, reading: true).failures == 1)
                #expect(target.count("PUT") == 0)
                #expect(try await mirror.run(entry).rows.map(\.reason) == rows.map(\.reason))
            }
        }
    }

    @Test("Its bytes and manifests count, whether there is a cache or none", arguments: [true, false])
    func counted(isCached: Bool) async throws {
        try await between(interfaceAt: true, true) { source, target in
            let image = SampleImage.image()
            let artifact = SampleImage.artifact(of: image.top, content: "signed")
            let tagged = SampleImage.image(labels: ["kind": "signature"])
            source.load(image, repository: repository, tag: "v1")
            source.load(artifact, repository: repository)
            source.load(tagged, repository: repository, tag: try TagName("sha256-\(image.digest.hex).sig"))
            let bytes = { (images: [SampleImage]) in
                Set(images.flatMap(\.blobs).map(\.descriptor)).reduce(0) { $0 + $1.size }
            }
            try await MirrorRun.with { mirror async throws in
                let plan = try await mirror.plan(entry(source, target), reading: true, cached: isCached)
                var planned: EntryPlan?
                if case .planned(let entry) = plan.outcomes.first { planned = entry }
                let cost = try #require(planned?.tags.first?.cost)
                #expect(cost.push == bytes([image, artifact, tagged]) && cost.manifests == 3)
                let dry = try await mirror.foresee(entry(source, target))
                let run = try await mirror.run(entry(source, target))
                #expect(dry.rows.map(\.plannedBytes) == [run.rows[0].bytes.pushed])
            }
        }
    }

    @Test("Two sources that keep different signatures under one tag collide in a dry run as in the run")
    func collision() async throws {
        try await between(interfaceAt: true, true) { source, target in
            let image = SampleImage.image()
            let tag = try TagName("sha256-\(image.digest.hex).sig")
            for name in [repository, "other"] as [RepositoryName] {
                source.load(image, repository: name, tag: name == repository ? "v1" : "v2")
                source.load(.image(labels: ["by": "\(name)"]), repository: name, tag: tag)
            }
            let entries = [entry(source, target), entry(source, target, "tag: v2", from: "other")]
            try await MirrorRun.with { mirror async throws in
                for _ in 0..<2 {
                    #expect(try await mirror.foresee(entries[0], entries[1]).errors == 1)
                    #expect(try await mirror.run(entries[0], entries[1]).errors == 1)
                }
            }
        }
    }
}
