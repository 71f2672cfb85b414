import OCI
import Sync
import TestSupport
import Testing

/// What refers to images of which some platforms were chosen, and comes after them.
@Suite(.timeLimit(.minutes(10)))
struct ChosenPlatformReferrersTests: ReferrerMirroring {
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
