import OCI
import Registry
import Sync
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct HubListingTests {
    private let repository: RepositoryName = "library/alpine"

    private func entry(_ target: ScriptedRegistry, _ more: String) -> String {
        "source: docker.io/alpine, target: '\(target.host)/mirrors/alpine', \(more)"
    }

    private func between(_ body: (ScriptedRegistry, ScriptedRegistry) async throws -> Void) async throws {
        try await ScriptedRegistry.with { hub in
            try await ScriptedRegistry.with { target in try await body(hub, target) }
        }
    }

    @Test("Dates of Docker Hub's listing decide among tags that are no versions, without a request for each")
    func dates() async throws {
        try await between { hub, target in
            var rows: [HubStandIn.Row] = []
            for (name, date) in [
                ("old", "2020-01-01T00:00:00Z"), ("new", "2024-01-01T00:00:00Z"), ("mid", "2022-01-01T00:00:00Z"),
            ] {
                let image = SampleImage.image(labels: ["name": name])
                hub.load(image, repository: repository, tag: try TagName(name))
                var row = HubStandIn.Row(name, digest: image.digest)
                row.pushed = date
                rows.append(row)
            }
            _ = HubStandIn(hub, rows: rows)
            try await MirrorRun.with(hub: hub) { mirror in
                let report = try await mirror.run(entry(target, "tag_regex: '.', keep_last: 1"))
                #expect(report.rows.map(\.targetTag) == ["new"])
                #expect(report.errors == 0)
            }
            #expect(hub.count("GET", pathContains: "/tags") == 1)
            #expect(hub.count(pathContains: "/manifests/") == 1)
        }
    }

    @Test("Where Docker Hub's API fails, the registry lists the tags, with one warning", arguments: [500, 403, 404])
    func fallback(status: Int) async throws {
        try await between { hub, target in
            hub.load(.image(), repository: repository, tag: "3.21")
            hub.script(RequestMatch("GET", "/v2/namespaces/", times: nil), .status(status))
            try await MirrorRun.with(hub: hub) { mirror in
                let report = try await mirror.run(entry(target, "tag_regex: '^3'"))
                #expect(report.rows.map(\.status) == [.synced])
                #expect(mirror.log.text.components("so the registry does").count == 2)
            }
        }
    }

    @Test("With check_digest the listed digest spares every request for the tag at the source")
    func sparedRequests() async throws {
        try await between { hub, target in
            let image = SampleImage.image()
            hub.load(image, repository: repository, tag: "3.21")
            _ = HubStandIn(hub, rows: [.init("3.21", digest: image.digest)])
            try await MirrorRun.with(hub: hub) { mirror in
                let entry = entry(target, "tag_regex: '^3', check_digest: true")
                _ = try await mirror.run(entry)
                hub.forgetRequests()
                let report = try await mirror.run(entry)
                #expect(report.rows.map(\.status) == [.upToDate])
                #expect(hub.requests.count == 1)
            }
        }
    }

    @Test("The same holds for an index of which some platforms are mirrored")
    func sparedRequestsOfIndex() async throws {
        try await between { hub, target in
            let image = SampleImage.multiPlatform()
            hub.load(image, repository: repository, tag: "3.21")
            _ = HubStandIn(hub, rows: [.init("3.21", digest: image.digest)])
            try await MirrorRun.with(hub: hub) { mirror in
                let entry = entry(target, "tag_regex: '^3', check_digest: true, platforms: [linux/amd64]")
                _ = try await mirror.run(entry)
                hub.forgetRequests()
                let report = try await mirror.run(entry)
                #expect(report.rows.map(\.status) == [.upToDate])
                #expect(hub.requests.count == 1)
            }
        }
    }

    @Test(
        "Where the listing does not tell what moved nothing is said: by another algorithm, or without a tag's images",
        arguments: [("", true), (", platforms: [linux/amd64]", false)]
    )
    func unknownDrift(platforms: String, isOtherAlgorithm: Bool) async throws {
        try await between { hub, target in
            hub.load(SampleImage.multiPlatform(), repository: repository, tag: "3.21")
            let moved = SampleImage.multiPlatform(seed: 2)
            let digest = isOtherAlgorithm ? Digest.of(moved.topBytes, algorithm: .sha512) : moved.digest
            _ = HubStandIn(hub, rows: [HubStandIn.Row("3.21", digest: digest)])
            try await MirrorRun.with(hub: hub) { mirror in
                let entry = entry(target, "tag_regex: '^3'" + platforms)
                _ = try await mirror.run(entry)
                #expect(try await mirror.run(entry).rows.map(\.drifted) == [nil])
            }
        }
    }

    @Test(
        "A tag that moved upstream is told of, and one that did not is not",
        arguments: ["", ", platforms: [linux/amd64]"]
    )
    func drift(platforms: String) async throws {
        try await between { hub, target in
            let image = SampleImage.multiPlatform()
            let moved = SampleImage.multiPlatform(seed: 2)
            hub.load(image, repository: repository, tag: "3.21")
            let api = HubStandIn(hub, rows: [row("3.21", image)])
            try await MirrorRun.with(hub: hub) { mirror in
                let entry = entry(target, "tag_regex: '^3'" + platforms)
                _ = try await mirror.run(entry)
                let same = try await mirror.run(entry)
                #expect(same.rows.map(\.drifted) == [false])
                api.rows = [row("3.21", moved)]
                hub.forgetRequests()
                let other = try await mirror.run(entry)
                #expect(other.rows.map(\.drifted) == [true])
                #expect(other.rows.map(\.status) == [.upToDate])
                #expect(mirror.log.text.contains("has moved"))
                #expect(hub.requests.count == 1)
            }
        }
    }

    private func row(_ name: String, _ image: SampleImage) -> HubStandIn.Row {
        var row = HubStandIn.Row(name, digest: image.digest)
        row.images = image.manifests.dropLast().map(\.descriptor.digest.description)
        return row
    }
}

extension String {
    fileprivate func components(_ separator: String) -> [Substring] {
        split(separator: separator, omittingEmptySubsequences: false)
    }
}
