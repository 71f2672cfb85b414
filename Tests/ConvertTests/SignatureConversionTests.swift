import OCI
import Sync
import Testing

@testable import Convert

/// Other tools copy tags of signatures like any tag; here they come with their images.
@Suite(.timeLimit(.minutes(10)))
struct SignatureConversionTests {
    private static let signature = "sha256-\(String(repeating: "ab", count: 32)).sig"

    private static func regsync(_ filters: String) -> String {
        "sync: [{source: quay.io/a/b, target: r.example.com/b, type: repository, \(filters)}]"
    }

    @Test(
        "An entry brings signatures along where the other tool would copy their tags, and says so once",
        arguments: [
            (regsync("x-none: 1"), true), (regsync("tags: {allow: ['.*']}"), true),
            (regsync("tags: {allow: ['v1.*', 'sha256-.*']}"), true), (regsync("tags: {deny: ['.*\\.att']}"), true),
            (regsync("tags: {allow: ['v1.*']}"), false), (regsync("tags: {deny: ['sha256-.*']}"), false),
            (regsync("tags: {semverRange: ['>=1']}"), false),
            ("quay.io: {images: {a/b: []}}", true), ("quay.io: {images: {a/b: ['1']}}", false),
            ("quay.io: {images-by-tag-regex: {a/b: 'sig$'}}", true),
            ("quay.io: {images-by-tag-regex: {a/b: '^v'}}", false),
            ("quay.io/a/b: r.example.com/b", true), ("quay.io/a/b:/[0-9]/: r.example.com/b", true),
            ("quay.io/a/b:1: r.example.com/b", false),
            (dregsy("from: a/b"), true), (dregsy("from: a/b, tags: ['regex: !sha256-.*']"), false),
            (dregsy("from: a/b, tags: ['keep: !sha256-.*']"), false), (dregsy("from: a/b, tags: ['regex: .*']"), true),
        ]
    )
    func included(_ file: String, _ isIncluded: Bool) throws {
        let converted = try Converted(file)
        #expect(converted.configuration.entries.map(\.includesReferrers) == [isIncluded], "\(converted.text)")
        #expect(converted.flat.components(of: "tags of signatures (sha256-….sig)") == (isIncluded ? 1 : 0))
    }

    private static func dregsy(_ mapping: String) -> String {
        "tasks: [{source: {registry: quay.io}, target: {registry: r.example.com}, mappings: [{\(mapping)}]}]"
    }

    @Test(
        "Who asks for tags of signatures alone is told what to do, and their images bring them",
        arguments: [
            "'sha256-.*'", "'sha256-[0-9a-f]{64}\\.sig'", "'(?:sha256-01.*|sha256-[a-f].*)\\.att'", "'^sha256-.+$'",
            "'sha512-.*'",
        ]
    )
    func alone(_ expression: String) throws {
        let both = try Converted(Self.regsync("tagSets: [{allow: ['v.*']}, {allow: [\(expression)]}]"))
        #expect(both.entries == ["quay.io/a/b /^(?:v.*)$/ -> r.example.com/b"])
        #expect(both.configuration.entries.map(\.includesReferrers) == [true])
        #expect(both.flat.contains("'referrers: true' stands at its images, as '^(?:"))
        let alone = try Converted(Self.regsync("tags: {allow: [\(expression)]}"), "alpine:3 # another")
        #expect(alone.configuration.entries.map(\.includesReferrers) == [false])
        #expect(alone.flat.contains("not converted: quay.io/a/b -> r.example.com/b: make an entry for its images"))
    }

    @Test(
        "An expression that may find other tags too stays an entry, and the images of its repository bring signatures",
        arguments: [("'.*\\.sig'", true), ("'.*sha256-.*'", true), ("'sha256-[0-9a-f]{7}'", false)]
    )
    func beside(_ expression: String, _ findsSignatures: Bool) throws {
        let converted = try Converted(Self.regsync("tagSets: [{allow: ['v1']}, {allow: [\(expression)]}]"))
        #expect(converted.configuration.entries.map(\.includesReferrers) == [findsSignatures, findsSignatures])
    }

    @Test("A signature's tag that is named is an entry of its own, also beside expressions")
    func named() throws {
        let entry = "quay.io/a/b:\(Self.signature) -> r.example.com/b"
        let literal = Self.signature.split(separator: ".").joined(separator: "\\.")
        #expect(try Converted(Self.regsync("tags: {allow: ['v1.*', '\(literal)']}")).entries.first == entry)
        #expect(try Converted(Self.regsync("tags: {allow: ['v1.*', '\(literal)']}")).entries.count == 2)
        let dregsy = try Converted(Self.dregsy("from: a/b, tags: ['\(Self.signature)', 'regex: v1.*', '1.0']"))
        #expect(dregsy.entries.first == "quay.io/a/b:\(Self.signature) -> r.example.com/a/b")
        #expect(dregsy.entries.count == 2)
        #expect(try dregsy.tags(of: ["v1.2", "1.0", "1x0", Self.signature]) == ["v1.2", "1.0", Self.signature])
    }

    @Test(
        "An expression that is one tag becomes that tag",
        arguments: [
            (#"v1\.2\.3"#, "v1.2.3"), (#"^v1\.2$"#, "v1.2"), ("latest", "latest"), (#"1\.0\-rc_1"#, "1.0-rc_1"),
            ("1.2", nil), ("v1|v2", nil), (#"v\d"#, nil), (#"v1\.2\"#, nil), ("(v1)", nil), ("v1*", nil), ("", nil),
            (#"v1\$"#, nil), (".*", nil),
        ]
    )
    func literals(_ expression: String, _ tag: String?) throws {
        #expect(TagExpression.literal(expression)?.description == tag)
    }

    @Test("Tags by their names pass the same filters, and a list of them asks for no listing")
    func literalTags() throws {
        let regsync = try Converted(Self.regsync("tags: {allow: [latest, 'v1\\.2', dev, latest], deny: ['d.*']}"))
        #expect(
            regsync.entries == ["quay.io/a/b:latest -> r.example.com/b", "quay.io/a/b:v1.2 -> r.example.com/b"]
        )
        #expect(regsync.flat.contains("that it is missing is an error here"))
        let dregsy = try Converted(Self.dregsy("from: a/b, tags: ['regex: v1\\.2', 'keep: v.*', '1.0', 'keep: !.*3']"))
        #expect(dregsy.entries == ["quay.io/a/b:v1.2 -> r.example.com/a/b"])
        let alone = try Converted(Self.dregsy("from: a/b, tags: ['keep:  v1\\.2 ']"))
        #expect(alone.entries == ["quay.io/a/b:v1.2 -> r.example.com/a/b"])
    }

    @Test("Filters that leave no tag are told")
    func nothing() throws {
        let error = #expect(throws: ConversionError.self) {
            try Converted(Self.dregsy("from: a/b, tags: ['1.0', 'keep: v.*']"))
        }
        #expect(error?.description.contains("'keep:' leaves none of its tags") == true)
        let other = #expect(throws: ConversionError.self) {
            try Converted(Self.regsync("tags: {allow: [latest], deny: [latest]}"))
        }
        #expect(other?.description.contains("what 'allow' names is left out again") == true)
    }

    @Test(
        "Expressions that other tools bind without brackets are told of",
        arguments: [
            ("a|b", true), ("(a|b)", false), ("a[|]b", false), (#"a\|b"#, false), ("(a|b)|c", true), ("[]|]x", false),
            ("[^]|]x", false), ("ab", false),
        ]
    )
    func bars(_ expression: String, _ isTold: Bool) throws {
        #expect((TagExpression.note(on: expression) != nil) == isTold)
        let converted = try Converted(Self.dregsy("from: a/b, tags: ['regex: \(expression)', 'regex: x.*']"))
        #expect(converted.flat.contains("each side of its '|' too") == isTold)
    }
}

extension String {
    /// How often a text stands in it.
    fileprivate func components(of text: String) -> Int { ranges(of: text).count }
}
