import Cache
import OCI
import Sync
import TestSupport
import Testing

/// What refers to images that have been mirrored already, and that the source's listing of tags shows.
@Suite(.timeLimit(.minutes(5)))
struct ListedReferrersTests: ReferrerMirroring {
    private let image = SampleImage.multiPlatform(seed: 83)

    private var subjects: [Digest] { image.manifests.map(\.descriptor.digest) }

    private func sign(_ subject: Digest, _ ending: String, at source: ScriptedRegistry) throws -> (TagName, Digest) {
        let tag = try TagName("sha256-\(subject.hex).\(ending)")
        let signature = SampleImage.image(labels: ["kind": "\(subject) \(ending)"])
        source.load(signature, repository: repository, tag: tag)
        return (tag, signature.digest)
    }

    /// Questions to the source that are none for its listing.
    private func questions(_ source: ScriptedRegistry) -> Int {
        source.count(pathContains: "/v2/app/manifests/sha256-") + source.count(pathContains: "/v2/app/referrers/")
    }

    @Test(
        "A signature's tag that is new among the listed ones comes with the next run, whatever was given before",
        arguments: [true, false],
        [true, false]
    )
    func tags(isMounted: Bool, hasInterface: Bool) async throws {
        try await between(interfaceAt: hasInterface, true) { source, other async throws in
            let target = isMounted ? source : other
            source.load(image, repository: repository, tag: "v1")
            for subject in subjects { _ = try sign(subject, "sig", at: source) }
            try await MirrorRun.with { mirror async throws in
                let entry = entry(source, target, "tag_regex: '^v'")
                #expect(try await mirror.run(entry).rows.map(\.referrers) == [3])
                for subject in subjects {
                    for ending in ["att", "sbom"] {
                        let (tag, digest) = try sign(subject, ending, at: source)
                        #expect(try await mirror.run(entry).rows.map(\.status) == [.synced], "\(tag)")
                        #expect(target.store.digest(of: tag, in: mirrored) == digest)
                    }
                }
                _ = try await mirror.run(entry)
                source.forgetRequests()
                #expect(try await mirror.run(entry).rows.map(\.status) == [.upToDate])
                // A second one where the first finds no interface.
                #expect(questions(source) <= 2)
            }
        }
    }

    @Test("A listed tag of which it is not noted that it was given is looked at once")
    func lostNote() async throws {
        try await between(interfaceAt: true, true) { registry, _ async throws in
            registry.load(image, repository: repository, tag: "v1")
            let tags = try subjects.map { try sign($0, "sig", at: registry).0 }
            let target = RepositoryReference(host: registry.host, repository: mirrored)
            try await MirrorRun.with { mirror async throws in
                let entry = entry(registry, registry, "tag_regex: '^v'")
                #expect(try await mirror.run(entry).rows.map(\.referrers) == [3])
                try await mirror.withCache { cache async throws in
                    for tag in tags { try await cache.copies.forget(to: Names.Place(location: target, tag: tag)) }
                }
                for bound in [3 + 2, 2] {
                    registry.forgetRequests()
                    #expect(try await mirror.run(entry).rows.map(\.status) == [.upToDate])
                    #expect(questions(registry) <= bound)
                }
            }
        }
    }

    @Test("A signature's tag that its source has no more is forgotten, also where the target had mounted it")
    func goneTag() async throws {
        try await between(interfaceAt: true, true) { registry, _ async throws in
            registry.load(image, repository: repository, tag: "v1")
            let (tag, digest) = try sign(image.digest, "sig", at: registry)
            try await MirrorRun.with { mirror async throws in
                let entry = entry(registry, registry, "tag_regex: '^v'")
                #expect(try await mirror.run(entry).rows.map(\.referrers) == [1])
                registry.store.remove(repository)
                registry.load(image, repository: repository, tag: "v1")
                for _ in 0..<2 { #expect(try await mirror.run(entry).rows.map(\.status) == [.upToDate]) }
                let source = RepositoryReference(host: registry.host, repository: repository)
                let target = RepositoryReference(host: registry.host, repository: mirrored)
                let gift = GivenReferrers.Gift(of: image.digest, from: source, to: target)
                let given = try await mirror.withCache { try await $0.given.content(of: gift) }
                #expect(given.all.isEmpty)
                #expect(registry.store.digest(of: tag, in: mirrored) == digest)
            }
        }
    }

    @Test("A list of referrers under a tag that is new among the listed ones is read with the next run")
    func lists() async throws {
        try await between(interfaceAt: false, true) { source, target async throws in
            source.load(image, repository: repository, tag: "v1")
            for subject in subjects { _ = try sign(subject, "sig", at: source) }
            try await MirrorRun.with { mirror async throws in
                let entry = entry(source, target, "tag_regex: '^v'")
                #expect(try await mirror.run(entry).rows.map(\.referrers) == [3])
                for part in image.manifests {
                    let artifact = SampleImage.artifact(of: part.descriptor)
                    source.load(artifact, repository: repository)
                    try list([artifact], of: part.descriptor.digest, at: source)
                    #expect(try await mirror.run(entry).rows.map(\.status) == [.synced])
                    #expect(target.store.holds(artifact, repository: mirrored))
                }
            }
        }
    }
}
