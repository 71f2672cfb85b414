import OCI
import Sync
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct ForeignLayerTests {
    @Test("An image with a foreign layer is copied without it, and its manifest byte for byte")
    func copies() async throws {
        let (image, foreign) = SampleImage.withForeignLayer()
        try await ScriptedRegistry.with { source in
            try await ScriptedRegistry.with { target in
                source.load(image, repository: "app", tag: "v1")
                // As registries do that take what says where its foreign layers are.
                target.options.requiresChildren = false
                try await MirrorRun.with { mirror in
                    let entry = "source: '\(source.host)/app', target: '\(target.host)/app', tag: v1"
                    let report = try await mirror.run(entry)
                    #expect(report.rows.map(\.status) == [.synced])
                    #expect(target.store.digest(of: "v1", in: "app") == image.digest)
                    #expect(source.count("GET", pathContains: foreign.digest.hex) == 0)
                    #expect(target.requests.allSatisfy { !$0.path.contains(foreign.digest.hex) })
                }
            }
        }
    }
}
