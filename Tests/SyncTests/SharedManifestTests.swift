import OCI
import TestSupport
import Testing

@testable import Sync

/// Manifests that several tags, targets and runs need: Docker Hub counts each time that one is read.
@Suite(.timeLimit(.minutes(10)))
struct SharedManifestTests: ReferrerMirroring {
    private static let tags: [TagName] = ["1", "1.2", "1.2.3", "latest"]
    private let image = SampleImage.multiPlatform()

    private func between(_ body: (ScriptedRegistry, ScriptedRegistry, MirrorRun) async throws -> Void) async throws {
        try await ScriptedRegistry.with { source in
            try await ScriptedRegistry.with { target in
                try await MirrorRun.with(hub: source) { try await body(source, target, $0) }
            }
        }
    }

    private func read(_ source: ScriptedRegistry) -> Int { source.count("GET", pathContains: "/manifests/") }

    @Test("Tags of one image that are copied at once read each manifest below it once", arguments: [1, 4])
    func tagsOfOneImage(parallelism: Int) async throws {
        try await between { source, target, mirror async throws in
            for tag in Self.tags { source.load(image, repository: "app", tag: tag) }
            let gate = Gate()
            for child in image.manifests.dropLast() {
                source.script(
                    RequestMatch("GET", .manifest("\(child.descriptor.digest)"), times: nil),
                    .holdHead(gate)
                )
            }
            var mirror = mirror
            mirror.parallelism = parallelism
            async let report = mirror.run("source: '\(source.host)/app', target: '\(target.host)/app', tag_regex: '.'")
            try await source.waitForRequests { requests in
                requests.count { $0.path.contains("/manifests/") && !$0.path.contains("sha256:") } >= parallelism
            }
            gate.open()
            #expect(try await report.synced == Self.tags.count)
            for child in image.manifests.dropLast() {
                #expect(source.count("GET", pathContains: "/manifests/\(child.descriptor.digest)") == 1)
            }
        }
    }

    @Test("A tag that goes to several targets is read once", arguments: [1, 4])
    func targetsOfOneTag(parallelism: Int) async throws {
        try await between { source, target, mirror async throws in
            source.load(image, repository: "app", tag: "v1")
            let entries = (1...3).map { "source: '\(source.host)/app', target: '\(target.host)/\($0)', tag: v1" }
            var mirror = mirror
            mirror.parallelism = parallelism
            #expect(try await mirror.run(entries).synced == 3)
            #expect(read(source) == image.manifests.count)
        }
    }

    @Test("Tags of one image ask together, and what refers to it is fetched and brought once", arguments: [1, 4])
    func referrersOfOneImage(parallelism: Int) async throws {
        try await between(interfaceAt: true, true) { source, target async throws in
            let image = SampleImage.image()
            for number in 1...8 { source.load(image, repository: repository, tag: try TagName("v\(number)")) }
            let signature = SampleImage.artifact(of: image.top)
            source.load(signature, repository: repository)
            let later = SampleImage.artifact(of: image.top, content: "later")
            try await MirrorRun.with { mirror async throws in
                var mirror = mirror
                mirror.parallelism = parallelism
                let entry = entry(source, target, "tag_regex: '^v'")
                #expect(try await mirror.run(entry).rows.map(\.referrers) == (1...8).map { _ in 1 })
                for digest in [image.digest, signature.digest] {
                    #expect(source.count("GET", pathContains: "/referrers/\(digest)") == 1)
                }
                #expect(source.count("GET", pathContains: "/manifests/\(signature.digest)") == 1)
                source.forgetRequests()
                #expect(try await mirror.run(entry).upToDate == 8)
                #expect(source.count(pathContains: "/referrers/") == 1)
                source.load(later, repository: repository)
                let report = try await mirror.run(entry)
                #expect(report.synced == 1 && report.upToDate == 7)
                #expect(target.store.holds(later, repository: mirrored))
                #expect(source.count("GET", pathContains: "/manifests/\(later.digest)") == 1)
            }
        }
    }
}
