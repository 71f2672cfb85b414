import NIOCore
import OCI
import Sync
import TestSupport
import Testing

/// Indexes that list indexes, mirrored for some platforms.
@Suite(.timeLimit(.minutes(10)))
struct NestedIndexTests {
    private static func image(_ architecture: String, variant: String? = nil) -> SampleImage {
        let platform = Platform(os: "linux", architecture: architecture, variant: variant)
        return .image(platform: platform, layers: [.init(seed: UInt64(architecture.utf8.count), size: 500)])
    }

    private static let amd64 = image("amd64")
    private static let arm64 = image("arm64", variant: "v8")
    private static let s390x = image("s390x")
    private static let riscv64 = image("riscv64")
    private static let attestation = SampleImage.attestation(of: amd64)

    /// amd64, (s390x, arm64, attestation), (), (((riscv64))), and the first of the inner ones once more.
    private static let nested: SampleImage = {
        let inner = SampleImage.index(of: [s390x, arm64, attestation])
        let deep = SampleImage.index(.docker, of: [.index(of: [.index(of: [riscv64])])])
        return .index(of: [amd64, inner, .index(of: []), deep, inner], annotations: ["kept": "yes"])
    }()

    /// Mirrors the image twice and gives the last report and the stage.
    private func mirrored(
        _ image: SampleImage,
        _ platforms: String,
        _ body: (SyncReport, _ source: ScriptedRegistry, _ target: ScriptedRegistry, MirrorRun) async throws -> Void
    ) async throws {
        try await ScriptedRegistry.with { source in
            try await ScriptedRegistry.with { target in
                source.load(image, repository: "app", tag: "v1")
                try await MirrorRun.with { run in
                    let entry =
                        "source: '\(source.host)/app', target: '\(target.host)/app', tag: v1, check_digest: true, "
                        + "platforms: [\(platforms)]"
                    let first = try await run.run(entry)
                    if first.errors == 0 {
                        source.forgetRequests()
                        let second = try await run.run(entry)
                        #expect(second.rows.map(\.status) == [.upToDate])
                        #expect(second.rows.map(\.digest) == [target.store.digest(of: "v1", in: "app")])
                        #expect(source.requests.map(\.method) == ["HEAD"], "\(source.transcript)")
                    }
                    try await body(first, source, target, run)
                }
            }
        }
    }

    @Test(
        "One platform of a nested index is mirrored alone, wherever it is",
        arguments: [
            ("linux/amd64", amd64), ("linux/s390x", s390x), ("linux/arm64", arm64), ("linux/riscv64", riscv64),
        ]
    )
    func one(platform: String, expected: SampleImage) async throws {
        try await mirrored(Self.nested, platform) { report, _, target, _ in
            #expect(report.rows.map(\.reason) == [nil])
            #expect(target.store.digest(of: "v1", in: "app") == expected.digest)
            #expect(target.store.holds(expected, repository: "app"))
        }
    }

    /// An index whose entries are written as they stand.
    private static func index(_ entries: [String]) -> ByteBuffer {
        let list = JSONText.array(entries)
        return ByteBuffer(string: #"{"schemaVersion":2,"mediaType":"\#(MediaType.ociIndex)","manifests":\#(list)}"#)
    }

    @Test(
        "Indexes within an index that list too much in all are refused, whatever it is",
        arguments: [("text/spdx+json", ""), ("\(MediaType.ociManifest)", ""), ("text/spdx+json", "linux/amd64")]
    )
    func tooManyParts(type: String, platforms: String) async throws {
        try await ScriptedRegistry.with { source in
            let inner = [("text/spdx+json", 100_000), (type, 200_000)].map { type, first in
                let entries = (first...first + 5000).map { number in
                    let digest = "sha256:" + String(repeating: "0", count: 58) + String(number)
                    return #"{"mediaType":"\#(type)","digest":"\#(digest)","size":9}"#
                }
                return source.store.put(Self.index(entries), as: .ociIndex, in: "app")
            }
            let entries = inner.map { #"{"mediaType":"\#($0.mediaType)","digest":"\#($0.digest)","size":\#($0.size)}"# }
            source.store.put(Self.index(entries), as: .ociIndex, in: "app", tag: "v1")
            try await MirrorRun.with { mirror in
                let entry = "source: '\(source.host)/app', target: '\(source.host)/down', tag: v1"
                let report = try await mirror.run(entry + ", platforms: [\(platforms)]")
                #expect(report.rows[0].reason?.contains("more than 10000 parts") == true, "\(report.rows)")
                #expect(source.count(pathContains: "sha256:0000") == 0)
            }
        }
    }

    @Test("Several platforms become one flat index in the source's order, with the outer index's own fields")
    func several() async throws {
        let platforms = "linux/riscv64, linux/arm64, linux/amd64"
        try await mirrored(Self.nested, platforms) { report, _, target, _ in
            #expect(report.rows.map(\.reason) == [nil])
            let expected = SampleImage.index(of: [Self.amd64, Self.arm64, Self.riscv64], annotations: ["kept": "yes"])
            #expect(target.store.digest(of: "v1", in: "app") == expected.digest)
            #expect(target.store.holds(expected, repository: "app"))
            #expect(!target.store.blobs(of: "app").contains(Self.s390x.blobs[0].descriptor.digest))
        }
    }

    @Test("All platforms of a nested index still become a flat one, without the attestation")
    func all() async throws {
        let platforms = "linux/amd64, linux/arm64, linux/riscv64, linux/s390x"
        try await mirrored(Self.nested, platforms) { report, _, target, _ in
            #expect(report.errors == 0)
            let flat = SampleImage.index(
                of: [Self.amd64, Self.s390x, Self.arm64, Self.riscv64],
                annotations: ["kept": "yes"]
            )
            #expect(target.store.digest(of: "v1", in: "app") == flat.digest)
        }
    }

    @Test("Platforms that no index lists are told: some by a warning, all by an error that names what there is")
    func missing() async throws {
        try await mirrored(Self.nested, "linux/riscv64, linux/386") { report, _, target, run in
            #expect(report.errors == 0)
            let expected = SampleImage.index(of: [Self.riscv64], annotations: ["kept": "yes"])
            #expect(target.store.digest(of: "v1", in: "app") == expected.digest)
            #expect(run.log.text.contains("linux/386"))
        }
        try await mirrored(Self.nested, "linux/386") { report, _, target, _ in
            let reason = try #require(report.rows.first?.reason)
            for platform in ["linux/386", "linux/amd64", "linux/arm64/v8", "linux/riscv64", "linux/s390x"] {
                #expect(reason.contains(platform), "\(reason)")
            }
            #expect(target.store.tags(of: "app").isEmpty)
        }
    }

    @Test("An index is not looked into when its descriptor is for a platform that nobody asked for")
    func pruned() async throws {
        var other = SampleImage.index(of: [Self.arm64])
        other.platform = Self.s390x.platform
        try await mirrored(.index(of: [other, Self.amd64]), "linux/arm64, linux/amd64") { report, source, target, _ in
            #expect(report.errors == 0)
            #expect(target.store.digest(of: "v1", in: "app") == SampleImage.index(of: [Self.amd64]).digest)
            #expect(source.count(pathContains: other.digest.description) == 0)
        }
    }

    @Test(
        "What an index lists of a kind that is not mirrored is named, whether its type is known or not",
        arguments: [MediaType.ociArtifact, .dockerSchema1Signed, "application/vnd.example.unknown+json"]
    )
    func unreadEntry(type: MediaType) async throws {
        let entry = Descriptor(mediaType: type, bytes: ByteBuffer(string: "{}"))
        let index =
            #"{"schemaVersion":2,"mediaType":"\#(MediaType.ociIndex)","manifests":[{"mediaType":"\#(type)","#
            + #""digest":"\#(entry.digest)","size":\#(entry.size)}]}"#
        try await ScriptedRegistry.with { source in
            source.store.put(ByteBuffer(string: index), as: .ociIndex, in: "app", tag: "v1")
            source.store.put(ByteBuffer(string: "{}"), as: type, in: "app")
            try await MirrorRun.with { run in
                let report = try await run.run("source: '\(source.host)/app', target: '\(source.host)/to', tag: v1")
                let reason = try #require(report.rows.first?.reason)
                #expect(reason.contains("\(entry.digest) of type \(type)"), "\(reason)")
                #expect(type.isUnreadManifest == (source.count(pathContains: "/blobs/\(entry.digest)") == 0))
            }
        }
    }

    /// What the index lists that was mirrored.
    private func entries(at target: ScriptedRegistry) throws -> [ImageIndex.Entry] {
        let bytes = try #require(target.store.manifest("v1" as TagName, in: "app")?.bytes.buffer)
        guard case .index(let index) = try Manifest(bytes: bytes, contentType: nil).content else {
            Issue.record("no index")
            return []
        }
        return index.entries
    }

    @Test("What an index is said to be for holds for manifests in it that do not say it themselves")
    func inherited() async throws {
        var silent = Self.arm64
        silent.platform = nil
        var group = SampleImage.index(of: [silent, Self.attestation, Self.s390x])
        group.platform = Self.arm64.platform
        let image = SampleImage.index(of: [group, Self.amd64])
        try await mirrored(image, "linux/arm64") { report, _, target, _ in
            #expect(report.errors == 0)
            #expect(target.store.digest(of: "v1", in: "app") == Self.arm64.digest)
        }
        try await mirrored(image, "linux/amd64, linux/arm64") { report, _, target, _ in
            #expect(report.errors == 0)
            let entries = try entries(at: target)
            #expect(entries.map(\.platform) == [Self.arm64.platform, Self.amd64.platform])
            #expect(entries.map(\.descriptor.digest) == [Self.arm64.digest, Self.amd64.digest])
        }
    }

    @Test("That also holds, and is asked for, another level down")
    func inheritedTwice() async throws {
        var silent = Self.arm64
        silent.platform = nil
        var group = SampleImage.index(of: [SampleImage.index(of: [silent])])
        group.platform = Self.arm64.platform
        var other = SampleImage.index(of: [Self.riscv64])
        other.platform = Self.s390x.platform
        let image = SampleImage.index(of: [group, Self.amd64, SampleImage.index(of: [other])])
        try await mirrored(image, "linux/amd64, linux/arm64") { report, source, target, _ in
            #expect(report.errors == 0)
            let entries = try entries(at: target)
            #expect(entries.map(\.platform) == [Self.arm64.platform, Self.amd64.platform])
            #expect(source.count(pathContains: other.digest.description) == 0)
        }
    }

    @Test("Indexes are followed eight levels down and no further", arguments: [(7, true), (8, false)])
    func depth(indexes: Int, isAllowed: Bool) async throws {
        var image = Self.amd64
        for _ in 0..<indexes + 1 { image = .index(of: [image]) }
        try await mirrored(image, "linux/amd64") { report, _, target, _ in
            #expect((report.errors == 0) == isAllowed, "\(report.rows.first?.reason ?? "")")
            if isAllowed { #expect(target.store.digest(of: "v1", in: "app") == Self.amd64.digest) }
            if !isAllowed { #expect(report.rows.first?.reason?.contains("deeper than 8 levels") == true) }
        }
    }

    @Test("An index within the index that the source lacks fails the tag")
    func absent() async throws {
        try await ScriptedRegistry.with { source in
            source.load(Self.nested, repository: "app", tag: "v1")
            source.store.remove(SampleImage.index(of: [Self.s390x, Self.arm64, Self.attestation]).digest, from: "app")
            try await MirrorRun.with { run in
                let report = try await run.run(
                    "source: '\(source.host)/app', target: '\(source.host)/b', tag: v1, platforms: [linux/amd64]"
                )
                #expect(report.rows.map(\.status) == [.failed])
                #expect(source.store.tags(of: "b").isEmpty)
            }
        }
    }
}
