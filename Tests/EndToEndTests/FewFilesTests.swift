import OCI
import TestSupport
import Testing

/// Runs that may open only a few files.
@Suite(.timeLimit(.minutes(10)))
struct FewFilesTests {
    @Test("With few files to open a run takes longer, and is complete", arguments: [48, 64])
    func sync(limit: Int) async throws {
        try await ScriptedRegistry.with { registry async throws in
            var options = registry.options
            options.mounts = false
            registry.options = options
            let layers = (1...40).map { SampleImage.Layer(seed: UInt64($0), size: 20_000) }
            let image = SampleImage.image(layers: layers)
            registry.load(image, repository: "up/app", tag: "1")
            try await Workspace.with { workspace async throws in
                try workspace.configure(Entry(registry.place("up/app"), to: registry.place("down/app"), "tag: '1'"))
                let command = "ulimit -n \(limit); exec \"$imglife\" sync --progress none"
                let result = try await workspace.shell(command)
                #expect(result.status == 0, "\(result.output)\(result.errors)")
                #expect(registry.store.digest(of: "1", in: "down/app") == image.digest)
                #expect(try CacheFiles(path: workspace.cache).wrongBlobs() == [])
            }
        }
    }
}
