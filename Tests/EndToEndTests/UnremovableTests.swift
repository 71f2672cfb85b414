import Glibc
import OCI
import TestSupport
import Testing

/// `imglife cache gc` where the file system will not let a file go.
@Suite(.timeLimit(.minutes(10)))
struct UnremovableTests {
    @Test("What cannot be removed ends a collection with 1, which removes the rest; the next one removes it too")
    func collection() async throws {
        try await Mirror.with(.image(layers: [.init(seed: 1, size: 9000)])) { mirror async throws in
            try await mirror.expectSuccess()
            let workspace = mirror.workspace
            let blobs = CacheFiles(path: workspace.cache)
            #expect(try blobs.digests().count == 3)
            #expect(try await workspace.run("cache", "rm", mirror.upstream.place("up/app") + ":1").status == 0)
            let faults = [
                "LD_PRELOAD": Tool.builtProduct("libFaultShim.so"), "FI": "unlink:\(EIO):1+",
                "FI_DIR": "\(workspace.cache)/blobs/sha256/\(mirror.layer.hex)",
            ]
            let first = try await workspace.run("cache", "gc", "--grace", "0s", environment: faults)
            #expect(first.status == 1)
            #expect(first.lines.first?.hasPrefix("removed 2 blobs, ") == true, "\(first.output)")
            #expect(first.errors.contains("something in the cache could not be removed"), "\(first.errors)")
            #expect(first.errorLines.last?.hasPrefix("error: ") == true, "\(first.errors)")
            #expect(try blobs.digests().count == 1)
            let second = try await workspace.run("cache", "gc", "--grace", "0s")
            #expect(second.status == 0, "\(second.errors)")
            #expect(try blobs.digests().isEmpty)
        }
    }
}
