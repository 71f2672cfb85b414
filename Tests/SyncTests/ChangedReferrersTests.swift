import NIOCore
import OCI
import Registry
import Sync
import TestSupport
import Testing

/// What refers to images that have been mirrored already, where it is refused, goes away, or is only one of several questions.
@Suite(.timeLimit(.minutes(10)))
struct ChangedReferrersTests: ReferrerMirroring {
    /// What the target without the interface lists of a subject.
    private func listed(of subject: Digest, at target: ScriptedRegistry) throws -> String {
        let tag = try subject.referrersTag
        return String(buffer: try #require(target.store.manifest(tag, in: mirrored)).bytes.buffer)
    }

    @Test("A source that refuses its list later takes nothing away, and is not copied from again for it")
    func refusedLater() async throws {
        try await between(interfaceAt: true, false) { source, target in
            let image = SampleImage.image()
            let artifact = SampleImage.artifact(of: image.top)
            source.load(image, repository: repository, tag: "v1")
            source.load(artifact, repository: repository)
            try await MirrorRun.with { mirror async throws in
                let entry = entry(source, target, "tag_regex: '^v'")
                #expect(try await mirror.run(entry).rows.map(\.referrers) == [1])
                source.script(RequestMatch("GET", "/referrers/", times: nil), .status(403))
                source.store.tag("v2", image.digest, in: repository)
                #expect(try await mirror.run(entry).rows.map(\.status) == [.synced, .upToDate])
                #expect(try listed(of: image.digest, at: target).contains(artifact.digest.hex))
                source.removeScript()
                #expect(try await mirror.run(entry).rows.map(\.status) == [.upToDate, .upToDate])
            }
        }
    }

    @Test("A target's list that names what is gone there is mended where the target looks at that")
    func lostAtTarget() async throws {
        try await between(interfaceAt: true, false) { source, target in
            let image = SampleImage.image()
            let artifacts = (0..<3).map { SampleImage.artifact(of: image.top, content: "\($0)") }
            source.load(image, repository: repository, tag: "v1")
            source.load(artifacts[0], repository: repository)
            target.load(artifacts[1], repository: mirrored)
            try list(Array(artifacts[1...]), of: image.digest, at: target, in: mirrored)
            try await MirrorRun.with { mirror async throws in
                let rows = try await mirror.run(entry(source, target)).rows
                #expect(rows.map(\.status) == [.synced], "\(rows)")
            }
            let text = try listed(of: image.digest, at: target)
            #expect(artifacts.map { text.contains($0.digest.hex) } == [true, true, false])
        }
    }

    @Test("A target that cannot tell for a moment what it lists fails the tag, and forgets nothing of it")
    func targetOutage() async throws {
        try await between(interfaceAt: true, false) { source, target in
            let image = SampleImage.image()
            let artifacts = (0..<2).map { SampleImage.artifact(of: image.top, content: "\($0)") }
            source.load(image, repository: repository, tag: "v1")
            source.load(artifacts[0], repository: repository)
            try await MirrorRun.with { mirror async throws in
                let entry = entry(source, target)
                #expect(try await mirror.run(entry).rows.map(\.referrers) == [1])
                source.store.remove(artifacts[0].digest, from: repository)
                source.load(artifacts[1], repository: repository)
                let own = SampleImage.artifact(of: image.top, content: "the target's own")
                let tag = try image.digest.referrersTag
                target.load(own, repository: mirrored)
                let list = try list([artifacts[0], own], of: image.digest, at: target, in: mirrored)
                target.script(RequestMatch("GET", .manifest(tag.description), times: nil), .status(502))
                #expect(try await mirror.run(entry).rows.map(\.status) == [.failed])
                #expect(try listed(of: image.digest, at: target) == list)
                target.removeScript()
                let rows = try await mirror.run(entry).rows
                #expect(rows.map(\.status) == [.synced], "\(rows.map(\.reason))")
                let left = try listed(of: image.digest, at: target)
                #expect(left.contains(own.digest.hex) && left.contains(artifacts[1].digest.hex))
            }
        }
    }

    @Test("Cosign's tag that goes away is forgotten, without a word and for good", arguments: [true, false])
    func tagGoesAway(hasInterface: Bool) async throws {
        try await between(interfaceAt: hasInterface, true) { source, target in
            let image = SampleImage.image()
            let artifact = SampleImage.artifact(of: image.top)
            source.load(image, repository: repository, tag: "v1")
            source.load(artifact, repository: repository)
            let tag = try TagName("sha256-\(image.digest.hex).sig")
            source.load(.image(labels: ["kind": "signature"]), repository: repository, tag: tag)
            try await MirrorRun.with { mirror async throws in
                let entry = entry(source, target, "tag_regex: '^v'")
                #expect(try await mirror.run(entry).rows.map(\.referrers) == [hasInterface ? 2 : 1])
                // Which question is asked is chosen at random.
                for _ in 0..<6 { #expect(try await mirror.run(entry).rows.map(\.status) == [.upToDate]) }
                source.store.remove(repository)
                source.load(image, repository: repository, tag: "v1")
                source.load(artifact, repository: repository)
                #expect(try await mirror.run(entry).rows.flatMap(\.warnings) == [])
                for _ in 0..<6 { #expect(try await mirror.run(entry).rows.map(\.status) == [.upToDate]) }
            }
        }
    }

    @Test("Cosign's tags that the listing shows come with the next run, whatever else is asked")
    func laterTags() async throws {
        try await between(interfaceAt: true, true) { source, target in
            let images = (1...6).map { SampleImage.image(labels: ["number": "\($0)"]) }
            for (number, image) in images.enumerated() {
                source.load(image, repository: repository, tag: try TagName("v\(number)"))
            }
            try await MirrorRun.with { mirror async throws in
                let entry = entry(source, target, "tag_regex: '^v'")
                #expect(try await mirror.run(entry).synced == 6)
                for image in images {
                    let tag = try TagName("sha256-\(image.digest.hex).sig")
                    source.load(.image(labels: ["of": image.digest.hex]), repository: repository, tag: tag)
                }
                #expect(try await mirror.run(entry).rows.map(\.referrers) == Array(repeating: 1, count: 6))
            }
        }
    }

    @Test(
        "What upstream withdraws and the target goes on listing is told once, and nothing is written",
        arguments: [1, 2]
    )
    func withdrawn(count: Int) async throws {
        try await between(interfaceAt: true, true) { source, target in
            let image = SampleImage.image()
            let artifacts = (0..<count).map { SampleImage.artifact(of: image.top, content: "\($0)") }
            source.load(image, repository: repository, tag: "v1")
            for artifact in artifacts { source.load(artifact, repository: repository) }
            try await MirrorRun.with { mirror async throws in
                let entry = entry(source, target)
                #expect(try await mirror.run(entry).rows.map(\.referrers) == [count])
                source.store.remove(artifacts[0].digest, from: repository)
                target.forgetRequests()
                let rows = try await mirror.run(entry).rows
                #expect(rows.map(\.status) == [.upToDate])
                #expect(rows.map(\.warnings).joined().count { $0.contains("\(artifacts[0].digest)") } == 1)
                #expect(target.count(pathContains: "/referrers/") == 1)
                #expect(rows.map(\.reason) == [nil] && target.count("PUT") == 0)
                target.forgetRequests()
                #expect(try await mirror.run(entry).rows.map(\.warnings) == [[]])
                #expect(target.count(pathContains: "/referrers/") == 0)
            }
        }
    }

    @Test("An image that is tagged as its own list would be gets what its registry lists later")
    func ownTag() async throws {
        try await between(interfaceAt: true, true) { source, target in
            let image = SampleImage.image()
            source.load(image, repository: repository, tag: "v1")
            source.store.tag(try image.digest.referrersTag, image.digest, in: repository)
            try await MirrorRun.with { mirror async throws in
                let entry = entry(source, target, "tag_regex: '^v'")
                #expect(try await mirror.run(entry).rows.map(\.referrers) == [0])
                let artifact = SampleImage.artifact(of: image.top)
                source.load(artifact, repository: repository)
                #expect(try await mirror.run(entry).rows.map(\.referrers) == [1])
                #expect(target.store.holds(artifact, repository: mirrored))
            }
        }
    }

    @Test("What refers to a mirrored image and fails is not told as if the image were not there")
    func lateFailure() async throws {
        try await between(interfaceAt: true, false) { source, target in
            let image = SampleImage.image()
            source.load(image, repository: repository, tag: "v1")
            source.load(SampleImage.artifact(of: image.top, content: "first"), repository: repository)
            try await MirrorRun.with { mirror async throws in
                let entry = entry(source, target)
                #expect(try await mirror.run(entry).rows.map(\.referrers) == [1])
                source.load(SampleImage.artifact(of: image.top, content: "second"), repository: repository)
                let tag = try image.digest.referrersTag
                target.script(RequestMatch("PUT", .manifest("\(tag)"), times: nil), .error(409, "CONFLICT"))
                for _ in 0..<2 {
                    let row = try #require(try await mirror.run(entry).rows.first)
                    #expect(row.status == .failed)
                    #expect(row.reason?.contains("the image is mirrored, but not all that refers to it") == true)
                }
            }
        }
    }
}
