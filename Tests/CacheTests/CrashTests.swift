import Cache
import CacheSupport
import Glibc
import NIOCore
import OCI
import TestSupport
import Testing

@Suite(.serialized, .timeLimit(.minutes(10)))
struct CrashTests {
    @Test("kill -9 at any time loses no acknowledged blob and shows no partial one")
    func kills() async throws {
        try await TemporaryDirectory.with { path in
            var acknowledged: Set<String> = []
            for step in 1...12 {
                let killer = ["timeout", "-s", "KILL", "\(Double(step) * 0.008)"]
                let result = try await Probe.run(path, count: 20, size: 300_000, wrappedIn: killer)
                acknowledged.formUnion(result.output.split(separator: "\n").map(String.init))
                try check(path, acknowledged)
            }
            let result = try await Probe.run(path, count: 20, size: 300_000)
            #expect(result.status == 0, "\(result.output) \(result.errors)")
            try check(path, acknowledged)
            #expect(try names("\(path)/blobs/sha256").count == 20)
            #expect(try names("\(path)/ingest").isEmpty)
            #expect(try names("\(path)/leases").isEmpty)
            #expect(try names("\(path)/quarantine").isEmpty)
        }
    }

    /// Every blob has the digest that it is named by, and what was acknowledged is there.
    private func check(_ path: String, _ acknowledged: Set<String>) throws {
        let stored = exists("\(path)/blobs/sha256") ? try names("\(path)/blobs/sha256") : []
        for name in stored {
            #expect(Digest.of(try contents("\(path)/blobs/sha256/\(name)")).hex == name)
        }
        #expect(Set(stored.map { "sha256:\($0)" }).isSuperset(of: acknowledged))
    }

    @Test(
        "A blob is synced before it is renamed, and its directory before it is acknowledged",
        .requires(.tool("strace")),
        arguments: [2000, 2_000_000]
    )
    func order(size: Int) async throws {
        try await TemporaryDirectory.with { path in
            let calls = "trace=fsync,fdatasync,rename,renameat,renameat2,write,fchmod"
            let tracer = ["strace", "-f", "-y", "-e", calls, "-o", "\(path)/trace"]
            let result = try await Probe.run("\(path)/cache", count: 1, size: size, wrappedIn: tracer)
            try #require(result.status == 0, "\(result.output) \(result.errors)")
            let hex = String(result.output.dropFirst("sha256:".count).prefix(64))
            let trace = String(buffer: try contents("\(path)/trace")).split(separator: "\n")
            let sync = trace.firstIndex { $0.contains("fsync(") && $0.contains("/ingest/sha256-\(hex)") }
            let rename = trace.firstIndex { $0.contains("renameat") && $0.contains(hex) }
            let directory = trace.lastIndex { $0.contains("fsync(") && $0.contains("/blobs/sha256>") }
            let index = trace.lastIndex { $0.contains("sync(") && $0.contains("/index.sqlite>") }
            let acknowledgement = trace.firstIndex { $0.contains(" write(1<") }
            let steps = try [sync, rename, directory, index, acknowledgement].map { try #require($0) }
            #expect(steps[0] < steps[1] && steps[1] < steps[2] && steps[2] < steps[4])
            #expect(trace[steps[2]...steps[4]].contains { $0.contains("sync(") && $0.contains("/index.sqlite>") })
            #expect(trace.count { $0.contains("fsync(") && $0.contains("/ingest/sha256-\(hex)") } == 1)
        }
    }

    @Test(
        "A disk without room for the blob is found out before anything is downloaded",
        .requires(.mounting)
    )
    func diskFull() async throws {
        try await TemporaryDirectory.with { path in
            let script =
                "mount -t tmpfs -o size=3m tmpfs \"$1\"; shift; \"$@\"; status=$?; ls \"$2/ingest\"; exit $status"
            let wrapper = ["unshare", "-m", "sh", "-c", script, "sh", path]
            let result = try await Probe.run(path, count: 1, size: 5_000_000, wrappedIn: wrapper)
            #expect(result.status == 1)
            #expect(result.output.contains("of 5000000 bytes into \(path): No space left on device; free some space"))
            #expect(!result.output.contains("\nsha256-"))
        }
    }

    @Test("A limit on file sizes ends a download with a clear text and leaves nothing behind")
    func fileSizeLimit() async throws {
        try await TemporaryDirectory.with { path in
            let wrapper = ["sh", "-c", "trap '' XFSZ; ulimit -f 1000; \"$@\"", "sh"]
            let result = try await Probe.run(path, count: 1, size: 5_000_000, wrappedIn: wrapper)
            #expect(result.status == 1)
            #expect(result.output.contains("File too large"))
            #expect(try names("\(path)/ingest").isEmpty)
            #expect(try await Probe.run(path, count: 1, size: 5_000_000).status == 0)
        }
    }
}
