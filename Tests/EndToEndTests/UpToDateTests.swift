import OCI
import TestSupport
import Testing

/// Runs with little or nothing to do, and what they cost.
@Suite(.timeLimit(.minutes(10)))
struct UpToDateTests {
    private static let count = 200

    /// A registry with 200 tags of the same two images, mirrored into another one.
    private static func mirrored(
        _ more: String...,
        body: (Workspace, _ upstream: ScriptedRegistry, _ target: ScriptedRegistry) async throws -> Void
    ) async throws {
        try await ScriptedRegistry.with { upstream async throws in
            try await ScriptedRegistry.with { target async throws in
                let images = [SampleImage.multiPlatform(seed: 1), .multiPlatform(seed: 2)]
                for number in 0..<count {
                    upstream.load(images[number % 2], repository: "up/app", tag: try TagName("1.\(number)"))
                }
                try await Workspace.with { workspace async throws in
                    let options = ([Entry.all] + more).joined(separator: "\n      ")
                    try workspace.configure(Entry(upstream.place("up/app"), to: target.place("down/app"), options))
                    let first = try await workspace.run("sync", "--progress", "none")
                    #expect(first.counts == [count, count, 0, 0], "\(first.output)\(first.errors)")
                    upstream.forgetRequests()
                    target.forgetRequests()
                    try await body(workspace, upstream, target)
                }
            }
        }
    }

    @Test("A run with nothing to do costs one listing a side")
    func listings() async throws {
        try await Self.mirrored { workspace, upstream, target async throws in
            let result = try await workspace.run("sync")
            #expect(result.counts == [Self.count, 0, Self.count, 0])
            #expect(upstream.requests.count + target.requests.count <= 4)
            #expect(upstream.count(pathContains: "/manifests/") + target.count(pathContains: "/manifests/") == 0)
        }
    }

    @Test("Comparing digests costs at most one HEAD a side for each tag")
    func heads() async throws {
        try await Self.mirrored("check_digest: true") { workspace, upstream, target async throws in
            let result = try await workspace.run("sync")
            #expect(result.counts == [Self.count, 0, Self.count, 0])
            for registry in [upstream, target] {
                #expect(registry.count("HEAD", pathContains: "/manifests/") <= Self.count)
                #expect(registry.count("GET", pathContains: "/manifests/") == 0)
                #expect(registry.requests.count <= Self.count + 2)
            }
        }
    }

    @Test("A reduced index is compared by the digest that would be pushed for one HEAD a side, also after a collection")
    func reduced() async throws {
        // The images have a third platform, which is left out.
        try await ScriptedRegistry.with { registry async throws in
            let platforms = ["amd64", "arm64", "s390x"].map { Platform(os: "linux", architecture: $0) }
            for number in 1...5 {
                var image = SampleImage.multiPlatform(platforms: platforms, seed: UInt64(number))
                if number == 5 { image = .index(of: [image]) }
                registry.load(image, repository: "up/app", tag: try TagName("1.\(number)"))
            }
            try await Workspace.with { workspace async throws in
                try workspace.configure(
                    Entry(
                        registry.place("up/app"),
                        to: registry.place("down/app"),
                        Entry.all,
                        "platforms: [linux/amd64, linux/arm64]",
                        "check_digest: true"
                    )
                )
                #expect(try await workspace.run("sync").counts == [5, 5, 0, 0])
                let tags = registry.store.tags(of: "down/app")
                #expect(tags.count == 5 && tags != registry.store.tags(of: "up/app"))
                for isCollected in [false, true, true] {
                    // Nothing keeps the indexes.
                    if isCollected {
                        #expect(try await workspace.run("cache", "gc", "--grace", "0s").status == 0)
                    }
                    registry.forgetRequests()
                    let next = try await workspace.run("sync")
                    #expect(next.counts == [5, 0, 5, 0])
                    #expect(registry.store.tags(of: "down/app") == tags)
                    #expect(registry.requests.allSatisfy { ["GET", "HEAD"].contains($0.method) })
                    #expect(registry.count("GET", pathContains: "/manifests/") == 0, "\(registry.transcript)")
                    #expect(registry.count("HEAD", pathContains: "/manifests/") <= 10)
                }
            }
        }
    }

    @Test(
        "A tag that moved upstream is copied again with check_digest, and left alone without",
        arguments: [true, false]
    )
    func moved(_ checksDigest: Bool) async throws {
        try await Self.mirrored("check_digest: \(checksDigest)") { workspace, upstream, target async throws in
            let before = target.store.digest(of: "1.7", in: "down/app")
            let moved = SampleImage.multiPlatform(seed: 3)
            upstream.load(moved, repository: "up/app", tag: "1.7")
            let result = try await workspace.run("sync")
            #expect(
                result.counts == (checksDigest ? [Self.count, 1, Self.count - 1, 0] : [Self.count, 0, Self.count, 0])
            )
            #expect(target.store.digest(of: "1.7", in: "down/app") == (checksDigest ? moved.digest : before))
        }
    }

    @Test("A fixed tag that is there costs a request a side at most")
    func fixedTag() async throws {
        try await ScriptedRegistry.with { registry async throws in
            registry.load(.image(), repository: "up/app", tag: "1")
            try await Workspace.with { workspace async throws in
                try workspace.configure(Entry(registry.place("up/app"), to: registry.place("down/app"), "tag: '1'"))
                #expect(try await workspace.run("sync").counts == [1, 1, 0, 0])
                registry.forgetRequests()
                #expect(try await workspace.run("sync").counts == [1, 0, 1, 0])
                #expect(registry.requests.count <= 2, "\(registry.transcript)")
            }
        }
    }
}
