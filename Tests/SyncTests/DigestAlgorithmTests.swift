import OCI
import Sync
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct DigestAlgorithmTests {
    /// A tag that its registry knows by its sha512.
    private func load(_ image: SampleImage, at source: ScriptedRegistry) throws {
        source.load(image, repository: "app")
        let stored = try #require(source.store.manifest(image.digest, in: "app"))
        source.store.put(stored, Digest.of(image.topBytes, algorithm: .sha512), in: "app", tag: "v1")
    }

    @Test(
        "A source that calls its tag by a sha512 is not copied again, and its document is fetched once",
        arguments: ["", ", platforms: [linux/amd64, linux/arm64]"],
        [true, false]
    )
    func unchanged(platforms: String, targetKnowsIt: Bool) async throws {
        try await ScriptedRegistry.with { source in
            try await ScriptedRegistry.with { target in
                if !targetKnowsIt {
                    target.script(RequestMatch("PUT", "/manifests/sha512:", times: nil), .error(400, "DIGEST_INVALID"))
                }
                try load(.multiPlatform(), at: source)
                try await MirrorRun.with { mirror in
                    let entry =
                        "source: '\(source.host)/app', target: '\(target.host)/app', tag: v1, check_digest: true"
                        + platforms
                    let first = try await mirror.run(entry)
                    #expect(first.rows.map(\.status) == [.synced])
                    let expected = target.store.digest(of: "v1", in: "app")
                    source.forgetRequests()
                    for _ in 0..<2 {
                        let report = try await mirror.run(entry)
                        #expect(report.rows.map(\.status) == [.upToDate])
                        #expect(report.rows.map(\.digest) == [expected])
                    }
                    #expect(source.count("GET", pathContains: "/manifests/") <= 1)
                    #expect(source.count("GET", pathContains: "/blobs/") == 0)
                }
            }
        }
    }

    @Test("Another image behind a sha512 is copied")
    func changed() async throws {
        try await ScriptedRegistry.with { source in
            try await ScriptedRegistry.with { target in
                try load(.image(), at: source)
                let moved = SampleImage.image(labels: ["moved": "yes"])
                try await MirrorRun.with { mirror in
                    let entry =
                        "source: '\(source.host)/app', target: '\(target.host)/app', tag: v1, check_digest: true"
                    _ = try await mirror.run(entry)
                    try load(moved, at: source)
                    let report = try await mirror.run(entry)
                    #expect(report.rows.map(\.status) == [.synced])
                    #expect(target.store.digest(of: "v1", in: "app") == moved.digest)
                }
            }
        }
    }
}
