import Glibc
import OCI
import TestSupport
import Testing

/// A cache on a disk that is too small.
@Suite(.timeLimit(.minutes(10)))
struct DiskFullTests {
    @Test(
        "An image that does not fit is an error of its own, and smaller ones are mirrored",
        .requires(.mounting)
    )
    func tooLarge() async throws {
        try await ScriptedRegistry.with { registry async throws in
            registry.options.mounts = false
            let large = SampleImage.image(layers: [.init(seed: 1, size: 8 << 20)])
            let small = SampleImage.image(layers: [.init(seed: 2, size: 1000)])
            registry.load(large, repository: "up/app", tag: "1")
            registry.load(small, repository: "up/app", tag: "2")
            try await Workspace.with { workspace async throws in
                try workspace.configure(Entry(registry.place("up/app"), to: registry.place("down/app"), Entry.all))
                let mount = "mkdir -p small && mount -t tmpfs -o size=6m none small"
                let result = try await workspace.shell(
                    "export imglife; exec unshare -m sh -c '\(mount) && exec \"$imglife\" sync --cache-dir small/cache'"
                )
                #expect(result.status == 1)
                #expect(result.counts == [2, 1, 0, 1], "\(result.output)\(result.errors)")
                #expect(result.failures.first?.contains("small/cache") == true, "\(result.output)")
                #expect(registry.store.digest(of: "2", in: "down/app") == small.digest)
                #expect(registry.store.digest(of: "1", in: "down/app") == nil)
                #expect(registry.count("GET", pathContains: large.blobs[1].descriptor.digest.description) == 0)
            }
        }
    }
}
