import NIOCore
import OCI
import Testing

@Suite(.timeLimit(.minutes(10)))
struct SelectionTests {
    private static func select(_ text: String, _ patterns: [String]) throws -> PlatformSelectionResult? {
        try Fixture.parse(text).selecting(patterns.map { try PlatformPattern($0) })
    }

    /// What is left: a digest's first digit for a single match, the text of a reduced index, or `whole`.
    private static func outcome(_ result: PlatformSelectionResult?) -> String? {
        switch result?.selection {
        case nil: nil
        case .single(let descriptor): String(descriptor.digest.hex.prefix(1))
        case .reduced(let manifest): String(buffer: manifest.bytes)
        case .whole: "whole"
        }
    }

    private static let amd64 = Fixture.entry("1", "linux/amd64")
    private static let amd64v3 = Fixture.entry("2", "linux/amd64/v3")
    private static let arm64 = Fixture.entry("3", "linux/arm64/v8")
    private static let armv6 = Fixture.entry("4", "linux/arm/v6")
    private static let armv7 = Fixture.entry("5", "linux/arm/v7")
    private static let windows2019 = Fixture.entry("6", "windows/amd64", more: #","os.version":"10.0.17763.1""#)
    private static let windows2022 = Fixture.entry("7", "windows/amd64", more: #","os.version":"10.0.20348.1""#)
    private static let attestation = Fixture.entry("8", "unknown/unknown")
    private static let cache = Fixture.descriptor("application/vnd.buildkit.cacheconfig.v0", Fixture.digest("9"))

    private static func index(_ entries: String...) -> String { Fixture.index("[\(entries.joined(separator: ","))]") }

    private static let full = index(amd64, amd64v3, arm64, armv6, armv7, windows2019, windows2022, attestation, cache)

    @Test(
        "What is left of an index for one or several platforms",
        arguments: [
            (["linux/amd64"], full, "1"), (["linux/amd64/v3"], full, "2"), (["linux/arm64"], full, "3"),
            (["linux/arm/v7"], full, "5"), (["linux/arm/v7", "linux/arm/7"], full, "5"),
            (["linux/arm"], full, index(armv6, armv7)),
            (["windows/amd64"], full, index(windows2019, windows2022)),
            (["linux/arm64", "linux/amd64"], full, index(amd64, arm64)),
            (["linux/amd64", "linux/arm64"], full, index(amd64, arm64)),
            (["linux/amd64", "linux/amd64/v3"], full, index(amd64, amd64v3)),
            (["linux/arm", "linux/arm/v7"], full, index(armv6, armv7)),
            (["linux/amd64", "linux/s390x"], full, index(amd64)),
            (["linux/amd64"], index(amd64), "1"), (["linux/amd64"], index(amd64, amd64), "1"),
            (["linux/amd64", "linux/arm64"], index(amd64, arm64, amd64), "whole"),
            (["linux/amd64", "linux/arm64"], index(amd64, armv6, arm64, amd64), index(amd64, arm64, amd64)),
            (["linux/amd64", "linux/arm64"], index(arm64, amd64), "whole"),
            (["linux/arm"], index(armv6, armv7), "whole"),
            (["linux/amd64", "linux/arm64"], index(amd64, arm64, attestation), index(amd64, arm64)),
            (["linux/amd64", "linux/arm64"], index(attestation, amd64, cache, arm64), index(amd64, arm64)),
            (["linux/amd64"], index(amd64v3), nil), (["linux/s390x", "linux/ppc64le"], full, nil),
            (["unknown/unknown"], full, nil), (["linux/amd64"], Fixture.index("[]"), nil),
            (["linux/amd64"], Fixture.index(), nil), ([], full, nil),
        ] as [([String], String, String?)]
    )
    func selects(patterns: [String], text: String, expected: String?) throws {
        #expect(Self.outcome(try Self.select(text, patterns)) == expected)
    }

    @Test("Patterns that match nothing are named when others match")
    func reportsMissing() throws {
        let result = try Self.select(Self.full, ["linux/s390x", "linux/amd64", "linux/arm64/v9"])
        #expect(result?.missing.map(\.description) == ["linux/s390x", "linux/arm64/v9"])
        #expect(try Self.select(Self.full, ["linux/amd64", "linux/arm"])?.missing.isEmpty == true)
    }

    @Test("Odd white space, unknown fields and annotations stay to the byte")
    func keepsBytes() throws {
        let manifest = try Fixture.parse(Fixture.ociIndex, type: .ociIndex)
        let patterns = try ["linux/arm64", "linux/amd64"].map { try PlatformPattern($0) }
        guard case .reduced(let reduced) = try manifest.selecting(patterns)?.selection else {
            Issue.record("not a reduced index")
            return
        }
        let text = Fixture.ociIndex
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let start = try #require(lines.firstIndex { $0.hasSuffix("} ,") })
        let end = try #require(lines.lastIndex { $0 == "    }" })
        let expected = lines[..<start] + ["    }"] + lines[(end + 1)...]
        #expect(String(buffer: reduced.bytes) == expected.joined(separator: "\n"))
        #expect(reduced.descriptor == Descriptor(mediaType: .ociIndex, bytes: reduced.bytes))
        #expect(reduced.references.map(\.size) == [1022, 1023])
        let again = try Manifest(bytes: reduced.bytes, contentType: .ociIndex, expected: reduced.descriptor)
        #expect(again.references == reduced.references)
        guard case .whole = try again.selecting(patterns)?.selection else {
            Issue.record("a reduced index is reduced again")
            return
        }
    }

    @Test("The same input gives the same digest, wherever its bytes lie and however it was named")
    func isDeterministic() throws {
        let patterns = try ["linux/amd64", "linux/arm64"].map { try PlatformPattern($0) }
        var shifted = ByteBuffer(string: "xyz" + Self.full + "zyx")
        shifted.moveReaderIndex(forwardBy: 3)
        shifted.moveWriterIndex(to: shifted.writerIndex - 3)
        let manifests = [
            try Fixture.parse(Self.full), try Manifest(bytes: shifted, contentType: nil),
            try Manifest(bytes: shifted, contentType: nil, algorithm: .sha512),
        ]
        for patterns in [patterns, patterns.reversed(), patterns + patterns] {
            for manifest in manifests {
                guard case .reduced(let reduced) = try manifest.selecting(patterns)?.selection else {
                    Issue.record("not a reduced index")
                    continue
                }
                #expect(reduced.descriptor.digest == .of(ByteBuffer(string: Self.index(Self.amd64, Self.arm64))))
            }
        }
    }

    @Test("A reduced Docker list stays one")
    func keepsType() throws {
        let result = try Self.select(Fixture.dockerList, ["linux/amd64", "windows/amd64"])
        guard case .reduced(let reduced) = result?.selection else {
            Issue.record("not a reduced index")
            return
        }
        #expect(reduced.descriptor.mediaType == .dockerList)
        #expect(reduced.references.map(\.size) == [528, 1158])
    }

    @Test("Platforms cannot be chosen from an image")
    func refusesImages() {
        let error = #expect(throws: DocumentError.self) { try Fixture.parse(Fixture.ociImage).selecting([]) }
        #expect(error?.kind == .structure)
    }
}
