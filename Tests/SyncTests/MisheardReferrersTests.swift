import OCI
import Sync
import TestSupport
import Testing

/// Referrers between registries whose answers do not tell what they have, or what they have done.
@Suite(.timeLimit(.minutes(10)))
struct MisheardReferrersTests: ReferrerMirroring {
    private let image = SampleImage.image()

    @Test(
        "What a gateway says was not stored, and was, comes with its image and is listed",
        arguments: [true, false],
        [true, false]
    )
    func storedInSecret(atSource: Bool, atTarget: Bool) async throws {
        try await between(interfaceAt: atSource, atTarget) { source, target in
            let artifact = SampleImage.artifact(of: image.top)
            source.load(image, repository: repository, tag: "v1")
            source.load(artifact, repository: repository)
            if !atSource { try list([artifact], of: image.digest, at: source) }
            target.script(RequestMatch("PUT", .manifests, times: nil), .edit { $0 = Reply(504) })
            try await MirrorRun.with { mirror async throws in
                #expect(try await mirror.run(entry(source, target)).rows.map(\.reason) == [nil])
                #expect(target.store.holds(artifact, repository: mirrored))
                let listed = try target.store.digest(of: image.digest.referrersTag, in: mirrored)
                #expect((listed == nil) == atTarget)
                target.forgetRequests()
                #expect(try await mirror.run(entry(source, target)).rows.map(\.status) == [.upToDate])
                #expect(target.count("PUT") == 0)
            }
        }
    }

    @Test(
        "A source whose HEAD names another digest than its GET, and a target that knows no HEAD, bring no news",
        arguments: ["tag: v1", "tag_regex: '^v1$'"]
    )
    func lyingHEAD(selection: String) async throws {
        try await between(interfaceAt: true, true) { source, target in
            source.load(image, repository: repository, tag: "v1")
            source.load(.artifact(of: image.top), repository: repository)
            let signature = SampleImage.image(labels: ["kind": "signature"])
            let tag = try TagName("sha256-\(image.digest.hex).sig")
            source.load(signature, repository: repository, tag: tag)
            let other = "\(SampleImage.image(labels: ["other": "1"]).digest)"
            source.script(RequestMatch("HEAD", .manifests, times: nil), .header("Docker-Content-Digest", other))
            target.script(RequestMatch("HEAD", .manifests, times: nil), .status(404))
            try await MirrorRun.with { mirror async throws in
                let entry = entry(source, target, selection)
                #expect(try await mirror.run(entry).rows.map(\.status) == [.synced])
                target.forgetRequests()
                // Which question is asked is chosen at random.
                for _ in 0..<24 { #expect(try await mirror.run(entry).rows.map(\.status) == [.upToDate]) }
                #expect(target.count("PUT") == 0)
                // What is new is brought alone.
                let later = SampleImage.artifact(of: image.top, content: "later")
                source.load(later, repository: repository)
                for _ in 0..<50 where target.store.manifest(later.digest, in: mirrored) == nil {
                    _ = try await mirror.run(entry)
                }
                #expect(target.store.holds(later, repository: mirrored))
                #expect(target.count("PUT", pathContains: "/manifests/") == 1)
            }
        }
    }
}
