import Foundation
import OCI
import TestSupport
import Testing

/// Whole configurations as the guide describes them, run as a user would.
@Suite(.requires(.tool("openssl")), .timeLimit(.minutes(10)))
struct GuideTests {
    @Test("A configuration that holds every field mirrors the right tags, and its second run copies nothing")
    func everyField() async throws {
        try await GuideMirror.with { guide async throws in
            #expect(try await guide.workspace.run("--check").status == 0)
            let first = try await guide.workspace.run("sync")
            #expect(first.status == 0, "\(first.output)\(first.errors)")
            #expect(first.counts == [9, 9, 0, 0], "\(first.output)")
            #expect(first.errors.contains("extract"))
            #expect(first.output.contains("End of life: 2 of 4 tracked tags"), "\(first.output)")
            try expectTags(of: guide)
            // Quay's mirror has all but the signature.
            #expect(guide.quay.count(pathContains: "/blobs/") == GuideMirror.signature.blobs.count)
            #expect(Files.exists("\(guide.workspace.path)/mirror-cache/oci-layout"))
            #expect(Files.exists("\(guide.workspace.path)/eol.yaml"))
            let hooks = try Files.text("\(guide.workspace.path)/hooks.txt")
            #expect(hooks == "golang 1.22-alpine3.21 1.21-alpine3.20\nrun success 9 0 0\n")
            for registry in [guide.target, guide.hub, guide.quay, guide.mirror, guide.lab] { registry.forgetRequests() }
            let second = try await guide.workspace.run("sync", "--output", "json")
            #expect(second.status == 0, "\(second.errors)")
            let report = try JSONValue(parsing: second.stdout)
            #expect(report["totals"]?["up_to_date"]?.integer == 9)
            #expect(report["bytes"]?["pushed"]?.integer == 0 && report["bytes"]?["downloaded"]?.integer == 0)
            #expect(guide.target.requests.allSatisfy { ["GET", "HEAD"].contains($0.method) })
            let sources = [guide.hub, guide.quay, guide.mirror, guide.lab]
            #expect(sources.allSatisfy { $0.count(pathContains: "/blobs/") == 0 })
            try expectTags(of: guide)
        }
    }

    private func expectTags(of guide: GuideMirror) throws {
        let expected = try guide.expected
        #expect(guide.target.store.repositories == expected.keys.sorted())
        for (repository, tags) in expected {
            let found = guide.target.store.tags(of: try RepositoryName(repository)).mapValues(\.description)
            #expect(found == tags, "\(repository)")
        }
    }

    @Test("The list names the same tags, asks no target and runs no hook")
    func list() async throws {
        try await GuideMirror.with { guide async throws in
            let result = try await guide.workspace.run("sync", "--list")
            #expect(result.status == 0, "\(result.errors)")
            #expect(result.lines.count == 9)
            let golang = "docker.io/library/golang:alpine3.21 -> registry.example.com/mirrors/golang:1.22-alpine3.21"
            #expect(result.lines.contains(golang), "\(result.output)")
            #expect(guide.target.requests.isEmpty)
            #expect(!Files.exists("\(guide.workspace.path)/hooks.txt"))
        }
    }

    @Test("Every field of the guide's tables stands in that configuration")
    func isComplete() async throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../..")
        let guide = try Files.text(root.appending(path: "docs/configuration.md").standardizedFileURL.path)
        let sections = ["sync", "sync.entries[]", "cache", "registries.\\<host[:port]\\>", "Hooks", "Lifecycle"]
        var fields: [String] = []
        var section = ""
        for line in guide.split(separator: "\n") {
            if line.hasPrefix("#") { section = String(line.drop { $0 == "#" || $0 == " " }) }
            guard sections.contains(section), line.hasPrefix("| `") else { continue }
            let name = line.dropFirst(3).prefix { $0 != "`" }
            if !name.hasPrefix("IMGLIFE_") { fields.append(name.split(separator: ".").first.map(String.init) ?? "") }
        }
        #expect(fields.count > 25, "\(fields)")
        try await GuideMirror.with { guide async throws in
            let text = guide.configuration
            for field in fields { #expect(text.contains("\(field):"), "\(field) is not in the configuration") }
        }
    }
}
