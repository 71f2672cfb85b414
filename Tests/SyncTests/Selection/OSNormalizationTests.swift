import NIOCore
import OCI
import TestSupport
import Testing

@testable import Sync

@Suite(.timeLimit(.minutes(10)))
struct OSNormalizationTests {
    @Test(
        "Operating systems' names alone are bare tags",
        arguments: [
            "alpine", "alpine3.21", "bookworm", "jammy", "slim-bookworm", "bookworm-slim", "alpine3.21-slim", "ubi9",
            "ubi9-minimal",
            "debian12", "noble-chiseled", "windowsservercore-ltsc2022", "nanoserver-ltsc2025", "fpm-alpine3.21",
            "trixie",
        ]
    )
    func bare(name: String) throws {
        #expect(OSVariantTag(try TagName(name)).kind == .bare)
    }

    @Test(
        "Tags with a version in front, without a system, or of another kind stay",
        arguments: [
            "1.22-alpine3.21", "3.21.3", "latest", "edge", "slim", "lts-alpine", "mainline-alpine", "stable",
            "jammy-20240530",
            "bookworm-20240612-slim", "alpine-", "alpine--1", "alpinelinux", "alpine3.", "jammy22", "slim-1.2",
            "alpine3.21-edge", "v2", "7f3c2a1",
        ]
    )
    func stays(name: String) throws {
        #expect(OSVariantTag(try TagName(name)).kind == .stays)
    }

    @Test(
        "A version behind the system comes to the front",
        arguments: [
            ("alpine3.21-1.22", "1.22-alpine3.21"), ("bookworm-slim-3.12.1", "3.12.1-bookworm-slim"),
            ("alpine-v1.2", "v1.2-alpine"), ("jammy-1.2-rc1", "1.2-rc1-jammy"),
        ]
    )
    func reversed(name: String, turned: String) async throws {
        let tag = try ListedTag(name: TagName(name))
        #expect(OSVariantTag(tag.name).kind == .reversed(try TagName(turned)))
        #expect(try await names(for: [tag], among: []).tags.map(\.target.description) == [turned])
    }

    @Test("Candidates are plain versions of the same system, major.minor first, the highest first")
    func candidates() throws {
        let siblings = try [
            "1-alpine3.21", "1.22.3-alpine3.21", "1.21-alpine3.21", "1.22-alpine3.21", "1.22rc1-alpine3.21",
            "1.22-alpine3.20", "1.22-alpine", "alpine3.21", "1.23.1-alpine3.21", "foo-alpine3.21",
            "1.22-slim-alpine3.21",
        ].map { try TagName($0) }
        let found = OSNormalization.candidates(for: TagName("alpine3.21"), among: siblings)
        #expect(
            found.map(\.description) == [
                "1.22-alpine3.21", "1.21-alpine3.21", "1.23.1-alpine3.21", "1.22.3-alpine3.21", "1-alpine3.21",
            ]
        )
        #expect(OSNormalization.candidates(for: TagName("1.22-alpine3.21"), among: siblings).isEmpty)
    }

    @Test("A bare tag takes the name of the preferred sibling with its digest")
    func sibling() async throws {
        let (new, old) = (Self.digest("new"), Self.digest("old"))
        let siblings = [
            ListedTag(name: TagName("1.21-alpine3.21"), digest: old),
            ListedTag(name: TagName("1.22.3-alpine3.21"), digest: new),
            ListedTag(name: TagName("1.22-alpine3.21"), digest: new), ListedTag(name: TagName("1.23-alpine3.21")),
            ListedTag(name: TagName("1-alpine3.21"), digest: new),
        ]
        let tag = ListedTag(name: TagName("alpine3.21"), digest: new)
        let found = try await names(for: [tag], among: siblings.reversed())
        #expect(found.tags.map(\.target) == ["1.22-alpine3.21"] && found.warnings.isEmpty)
        for other in [ListedTag(name: tag.name, digest: Self.digest("other")), ListedTag(name: tag.name)] {
            let kept = try await names(for: [other], among: siblings)
            #expect(kept.tags.map(\.target) == [tag.name])
            #expect(kept.warnings == ["os_normalize finds no version for the tag 'alpine3.21'; its name stays"])
        }
        let latest = ListedTag(name: TagName("latest"), digest: new)
        let unchanged = try await names(for: [latest], among: siblings)
        #expect(unchanged.tags.map(\.target) == ["latest"] && unchanged.warnings.isEmpty)
    }

    /// As the plan names tags of a source that tells nothing more than its list.
    private func names(
        for tags: [ListedTag],
        among siblings: [ListedTag]
    ) async throws -> (tags: [EntryPlan.Tag], warnings: [String]) {
        let location = try ImageReference("a.io/b").location
        let entry = Configuration.Entry(
            source: location,
            target: try ImageReference("c.io/d").location,
            selection: .pattern(try TagPattern(".")),
            normalizesOS: true
        )
        let source = LayoutSource(location: location, path: "/nonexistent")
        let naming = TargetNaming(source: source, configs: ConfigReader(source: source, cache: nil))
        return try await naming.names(for: tags, among: siblings, entry: entry)
    }

    @Test(
        "The image's own version is cut to major.minor",
        arguments: [
            ("1.22.3", "1.22-alpine"), ("v3.21", "3.21-alpine"), ("17", "17-alpine"), ("2.0.0-rc1", "2.0-alpine"),
            ("latest", nil), ("", nil), ("1.2\n", nil), ("1.2+build", "1.2-alpine"), ("17.0.9+9", "17.0-alpine"),
            ("1.19.13~rc1", "1.19-alpine"),
            ("1:2.3", nil), ("7f3c2a1+dirty", nil), ("+1.2", nil),
        ]
    )
    func imageVersion(version: String, expected: String?) throws {
        let name = OSNormalization.name(for: TagName("alpine"), imageVersion: version)
        #expect(name?.description == expected)
    }

    @Test("A name that would be too long for a tag stays")
    func tooLong() throws {
        let long = String(repeating: "1", count: 125)
        #expect(OSNormalization.name(for: TagName("alpine"), imageVersion: long) == nil)
    }

    static func digest(_ text: String) -> Digest {
        .of(ByteBuffer(string: text), algorithm: .sha256)
    }
}
