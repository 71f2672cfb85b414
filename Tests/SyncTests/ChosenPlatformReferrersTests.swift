import OCI
import Sync
import TestSupport
import Testing

/// What refers to images of which some platforms were chosen, and comes after them.
@Suite(.timeLimit(.minutes(10)))
struct ChosenPlatformReferrersTests: ReferrerMirroring {
    private static let two = "tag: v1, platforms: [linux/amd64, linux/arm64]"

    private let image = SampleImage.multiPlatform(platforms: [
        Platform(os: "linux", architecture: "amd64"), Platform(os: "linux", architecture: "arm64"),
        Platform(os: "linux", architecture: "s390x"),
    ])

    private var children: [Descriptor] { image.manifests.map(\.descriptor) }

    /// Which image is asked for is chosen at random.
    private func runs(_ mirror: MirrorRun, _ entry: String, until isThere: () -> Bool) async throws -> [SyncReport.Row]
    {
        var rows: [SyncReport.Row] = []
        for _ in 0..<100 where !isThere() {
            rows = try await mirror.run(entry).rows
            #expect(rows.flatMap(\.warnings) == [])
        }
        #expect(isThere())
        return rows
    }

    @Test("Of chosen platforms each is asked for what was signed later")
    func signedLater() async throws {
        try await between(interfaceAt: true, true) { source, target in
            source.load(image, repository: repository, tag: "v1")
            try await MirrorRun.with { mirror async throws in
                let entry = entry(source, target, Self.two)
                #expect(try await mirror.run(entry).rows.map(\.referrers) == [0])
                for child in children.prefix(2) {
                    let signature = SampleImage.artifact(of: child, content: "\(child.digest)")
                    source.load(signature, repository: repository)
                    let rows = try await runs(mirror, entry) { target.store.holds(signature, repository: mirrored) }
                    #expect(rows.map(\.status) == [.synced])
                }
            }
        }
    }

    @Test("A run asks one question about chosen platforms, and none about the index that was made of them")
    func oneQuestion() async throws {
        try await between(interfaceAt: true, true) { source, target in
            source.load(image, repository: repository, tag: "v1")
            source.load(SampleImage.artifact(of: children[0]), repository: repository)
            try await MirrorRun.with { mirror async throws in
                let entry = entry(source, target, Self.two + ", check_digest: true")
                #expect(try await mirror.run(entry).rows.map(\.referrers) == [1])
                let made = try #require(target.store.digest(of: "v1", in: mirrored))
                #expect(made != image.digest)
                for _ in 0..<8 {
                    source.forgetRequests()
                    #expect(try await mirror.run(entry).rows.map(\.status) == [.upToDate])
                    #expect(source.count(pathContains: "/referrers/") == 1)
                    #expect(source.count(pathContains: made.hex) == 0)
                }
            }
        }
    }

    @Test("Where no tags are listed, those of each chosen platform's signatures are asked for")
    func unlistedTags() async throws {
        try await between(interfaceAt: false, true) { source, target in
            source.load(image, repository: repository, tag: "v1")
            source.script(RequestMatch("GET", .tags, times: nil), .status(403))
            try await MirrorRun.with { mirror async throws in
                let entry = entry(source, target, Self.two)
                #expect(try await mirror.run(entry).rows.map(\.referrers) == [0])
                for child in children.prefix(2) {
                    let tag = try TagName("sha256-\(child.digest.hex).sig")
                    source.load(.image(labels: ["signs": "\(child.digest)"]), repository: repository, tag: tag)
                    _ = try await runs(mirror, entry) { target.store.digest(of: tag, in: mirrored) != nil }
                }
                let made = try #require(target.store.digest(of: "v1", in: mirrored))
                #expect(source.count(pathContains: made.hex) == 0)
            }
        }
    }

    @Test("Other platforms of an entry leave its target's image as it is, and what refers to that is looked for")
    func otherPlatforms() async throws {
        for (former, latter, top) in [("", "linux/amd64", image.top), ("linux/amd64", "linux/arm64", children[0])] {
            try await between(interfaceAt: true, true) { source, target in
                source.load(image, repository: repository, tag: "v1")
                try await MirrorRun.with { mirror async throws in
                    let first = try await mirror.run(entry(source, target, "tag: v1, platforms: [\(former)]"))
                    #expect(first.rows.map(\.digest) == [top.digest])
                    let signature = SampleImage.artifact(of: top)
                    source.load(signature, repository: repository)
                    let entry = entry(source, target, "tag: v1, platforms: [\(latter)]")
                    let rows = try await runs(mirror, entry) { target.store.holds(signature, repository: mirrored) }
                    #expect(rows.map(\.digest) == [top.digest])
                    #expect(target.store.digest(of: "v1", in: mirrored) == top.digest)
                }
            }
        }
    }
}
