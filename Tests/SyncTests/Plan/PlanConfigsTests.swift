import OCI
import Sync
import TestSupport
import Testing

/// What configs are read for to make a plan: dates and versions.
@Suite(.timeLimit(.minutes(5)))
struct PlanConfigsTests {
    private func between(_ body: (ScriptedRegistry, ScriptedRegistry, MirrorRun) async throws -> Void) async throws {
        try await ScriptedRegistry.with { source in
            try await ScriptedRegistry.with { target in
                try await MirrorRun.with { try await body(source, target, $0) }
            }
        }
    }

    /// Tags that only dates tell apart, and some that only versions do.
    private func load(_ source: ScriptedRegistry) {
        for tags in [["main-1a", "main-1b", "main-1c"], ["alpine3.20", "alpine3.21"]] as [[TagName]] {
            for (day, tag) in tags.enumerated() {
                let labels = ["org.opencontainers.image.version": "1.\(day).0"]
                let image = SampleImage.image(labels: labels, created: "2024-01-0\(day + 1)T00:00:00Z")
                source.load(image, repository: "app", tag: tag)
            }
        }
    }

    private func entry(_ source: ScriptedRegistry, _ target: ScriptedRegistry, _ more: String) -> String {
        "source: '\(source.host)/app', target: '\(target.host)/mirrors/app', \(more)"
    }

    @Test(
        "What only looks fetches no config that the cache holds, be it for a date, a version or a platform",
        arguments: [
            "tag_regex: '^main', keep_last: 1", "tag_regex: '^alpine', os_normalize: true",
            "tag_regex: '^main', keep_last: 1, platforms: [linux/amd64], check_digest: true",
        ]
    )
    func heldConfigs(selection: String) async throws {
        try await between { source, target, mirror async throws in
            load(source)
            let entry = entry(source, target, selection)
            #expect(try await mirror.run(entry).errors == 0)
            source.forgetRequests()
            _ = try await mirror.list(entry)
            _ = try await mirror.foresee(entry)
            for reads in [true, false] { _ = try await mirror.plan(entry, reading: reads) }
            let explained = ImageReference(
                location: RepositoryReference(host: source.host, repository: "app"),
                tag: "main-1a"
            )
            _ = try await mirror.plan(entry, explaining: explained)
            #expect(source.count(pathContains: "/blobs/") == 0)
        }
    }

    @Test(
        "What is fetched to decide counts as downloaded, for the copy that needs it or for the run, and not as cached",
        arguments: [
            "tag_regex: '^main', keep_last: 1", "tag_regex: '^alpine', os_normalize: true",
            "tag_regex: '^main', keep_last: 2, platforms: [linux/amd64]",
        ]
    )
    func countedBytes(selection: String) async throws {
        try await between { source, target, mirror async throws in
            load(source)
            let entry = entry(source, target, selection)
            let report = try await mirror.run(entry)
            #expect(report.errors == 0)
            let served = source.requests.filter { $0.method == "GET" && $0.path.contains("/blobs/") }
            let sizes = try served.map { request in
                let digest = try Digest(#require(request.path.split(separator: "/").last.map(String.init)))
                return try #require(source.store.blob(digest, in: "app")).count
            }
            #expect(report.bytes.downloaded == Int64(sizes.reduce(0, +)))
            #expect(report.bytes.cached == 0)
            let copied = report.rows.reduce(into: ByteTally()) { $0 += $1.bytes }
            #expect(copied.downloaded == copied.pushed)
            #expect(try await mirror.run(entry).bytes == ByteTally())
        }
    }

    @Test("The version that names a tag is read again where the tag has moved, and else in the cache's manifest of it")
    func heldManifests() async throws {
        try await between { source, target, mirror async throws in
            load(source)
            let entry = entry(source, target, "tag_regex: '^alpine', os_normalize: true")
            let targets = { () async throws in Set(try await mirror.run(entry).rows.compactMap(\.targetTag)) }
            for reads in [2, 0] {
                #expect(try await targets() == ["1.0-alpine3.20", "1.1-alpine3.21"])
                #expect(source.count("GET", pathContains: "/manifests/") == reads)
                source.forgetRequests()
            }
            let moved = SampleImage.image(labels: ["org.opencontainers.image.version": "2.0.0"])
            source.load(moved, repository: "app", tag: "alpine3.21")
            #expect(try await targets() == ["1.0-alpine3.20", "2.0-alpine3.21"])
        }
    }

    @Test("What is fetched to find that an image is not to be copied is counted as well")
    func countedFailures() async throws {
        try await between { source, target, mirror async throws in
            let image = SampleImage.image(layers: [])
            source.load(image, repository: "app", tag: "v1")
            let failed = try await mirror.run(entry(source, target, "tag: v1, platforms: [linux/s390x]"))
            #expect(failed.errors == 1)
            #expect(failed.bytes == ByteTally(downloaded: image.blobSize))
        }
    }
}
