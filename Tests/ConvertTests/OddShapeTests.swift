import OCI
import Sync
import Testing

@testable import Convert

/// Files whose parts have another shape than usual: what they mean is kept, and what means nothing is told.
@Suite(.timeLimit(.minutes(10)))
struct OddShapeTests {
    private static func syncer(_ rules: String) throws -> Converted {
        try Converted(rules + "\nquay.io/z/z:1: r.example.com/z", format: .imageSyncer)
    }

    @Test(
        "Both sides of an image-syncer rule may name tags, one for each",
        arguments: [
            ("quay.io/a/b:v1,v2: r.example.com/b:v1,v2", ["b:v1", "b:v2"], nil),
            ("quay.io/a/b:v1,v2: r.example.com/b:v1,x2", ["b:v1"], "another name"),
            ("quay.io/a/b:v1,v2: r.example.com/b:v1", [], "another number of tags"),
            ("quay.io/a/b: r.example.com/b:v1", [], "another name"),
            ("quay.io/a/b:v1: r.example.com/b:v1,v2", [], "another number of tags"),
            ("quay.io/a/b:/v.*/: r.example.com/b:v1", [], "another name"),
            ("quay.io/a/b:v1: r.example.com:5000/b", ["b:v1"], nil),
            ("quay.io/a/b:v1: r.example.com/c/", [], "r.example.com/c/"),
            ("quay.io/a/b@\(digest): r.example.com/b", [], "name the tag that the digest belongs to"),
            ("quay.io/a/b:v1: r.example.com/b@\(digest)", [], "name the tag that the digest belongs to"),
            ("quay.io/a/b:v1: [r.example.com/b, null]", ["b:v1"], "its destination is no image"),
            ("quay.io/a/b:v1: []", [], "its destination is no image"),
        ] as [(String, [String], String?)]
    )
    func sides(_ rule: String, _ entries: [String], _ note: String?) throws {
        let converted = try Self.syncer(rule)
        #expect(
            converted.entries.map { $0.split(separator: " ")[0].suffix(4) }.dropLast()
                == entries[...].map { $0[...] }[...]
        )
        let notes = converted.flat.split(separator: "\n").filter { $0.contains("not converted") }
        #expect(notes.isEmpty == (note == nil), "\(notes)")
        if let note {
            #expect(notes.allSatisfy { $0.contains(note) && $0.hasSuffix("(line 1, column 1)") }, "\(notes)")
        }
    }

    private static let digest = "sha256:" + String(repeating: "ab", count: 32)

    @Test("Images without a destination keep their whole paths, and those that would meet are told apart")
    func withoutDestination() throws {
        let converted = try Converted(
            "quay.io/a/b/c:1: ''\nalpine:3:\nghcr.io/x/d:1: ['', r.example.com/d]\nquay.io/x/d: ''",
            format: .imageSyncer,
            target: "m.example.com"
        )
        #expect(
            converted.entries == [
                "quay.io/a/b/c:1 -> m.example.com/a/b/c", "docker.io/library/alpine:3 -> m.example.com/library/alpine",
                "ghcr.io/x/d:1 -> m.example.com/ghcr.io/x/d", "ghcr.io/x/d:1 -> r.example.com/d",
                "quay.io/x/d /./ -> m.example.com/quay.io/x/d",
            ]
        )
    }

    private static func skopeo(_ registry: String) throws -> Converted {
        try Converted("quay.io:\n  \(registry)\nz.io: {images: {z: ['1']}}", target: "m.example.com")
    }

    @Test(
        "Images of skopeo without tags, or with an empty expression, are all tags",
        arguments: [
            "images: {a/b: }", "images: {a/b: []}", "images-by-tag-regex: {a/b: }", "images-by-tag-regex: {a/b: ''}",
        ]
    )
    func allTags(_ registry: String) throws {
        #expect(try Self.skopeo(registry).entries.first == "quay.io/a/b /./ -> m.example.com/b")
    }

    @Test(
        "What skopeo cannot copy so is told with its place, and is never all tags",
        arguments: [
            ("images: {a/b: {c: d}}", "quay.io/a/b: its tags are no list (line 2, column 12)"),
            ("images: {a/b: [null]}", "quay.io/a/b at what is no text: only tags can be entries (line 2, column 12)"),
            ("images: {a/b: [[x]]}", "quay.io/a/b at what is no text: only tags can be entries (line 2, column 12)"),
            ("images: {a/b: ['@']}", "quay.io/a/b at '@': only tags can be entries (line 2, column 12)"),
            ("images: {A/b: []}", "upper-case letters are not allowed (line 2, column 12)"),
            ("images: [a/b]", "'images: [a/b]': is no mapping from repositories to lists of tags (line 2, column 3)"),
            ("images: ", "quay.io: it names no images (line 1, column 1)"),
            ("images: {}", "quay.io: it names no images (line 1, column 1)"),
            ("", "quay.io: it names no images (line 1, column 1)"),
            ("images-by-tag-regex: {a/b: [x]}", "quay.io/a/b: its expression is no text (line 2, column 25)"),
            (#"images-by-tag-regex: {a/b: "x\n"}"#, "a/b -> m.example.com/b: its expression has a line feed, which"),
            (
                "images-by-semver: {a/b: }",
                "quay.io/a/b by '', which has a comparison without a version (line 2, column 22)"
            ),
            ("images-by-semver: x", "'images-by-semver: x': is no mapping from repositories to ranges of versions"),
            ("tls-verify: maybe", "'tls-verify: maybe': is neither true nor false (line 2, column 3)"),
            ("cert-dir: [a]", "'cert-dir: [a]': is no text (line 2, column 3)"),
            ("unheard-of: 1\n  images: {}", "'unheard-of: 1': has no counterpart (line 2, column 3)"),
        ]
    )
    func told(_ registry: String, _ words: String) throws {
        let converted = try Self.skopeo(registry)
        #expect(converted.entries == ["z.io/z:1 -> m.example.com/z"])
        #expect(converted.flat.contains(words), "\(converted.flat)")
    }

    @Test("Keys that stand twice, and what merges nothing, are told with their places")
    func twice() throws {
        let converted = try Converted(
            "---\nkind: A\n---\nkind: Pod\napiVersion: v1\nimage: a.io/b:1\nimage: a.io/c:1\n<<: text\n"
        )
        #expect(converted.entries.count == 1)
        #expect(
            converted.flat.contains("left out: 'image', a key that stands twice or merges nothing (line 7, column 1)")
        )
        #expect(converted.flat.contains("left out: '<<', a key that stands twice or merges nothing (line 8, column 5)"))
    }

    @Test("Digests without tags are no entry, as dregsy copies them alone")
    func digests() throws {
        let mappings = "{from: b, digests: ['\(Self.digest)']}, {from: c, tags: [x], digests: ['\(Self.digest)']}"
        let converted = try Converted(
            "tasks:\n- source: {registry: a.io}\n  target: {registry: r.io}\n  mappings: [\(mappings)]"
        )
        #expect(converted.entries == ["a.io/c:x -> r.io/c"])
        #expect(converted.flat.contains("the digests \(Self.digest) of a.io/b; name their tags (line 4, column 15)"))
        #expect(converted.flat.contains("the digests \(Self.digest) of a.io/c; name their tags"))
    }

    @Test("Steps and mappings that are not converted are told with their places")
    func places() throws {
        let regsync = try Converted(
            "sync:\n- {source: a.io/b, target: r.io/b, type: registry}\n- source: a.io/b:1\n  target: r.io/b:2\n  type: image\n"
                + "- {source: a.io/c, target: r.io/c, type: repository, tags: {semverRange: ['=']}}\n",
            "alpine:3 # another"
        )
        #expect(regsync.flat.contains("make an entry for each repository (line 2, column 4)"))
        #expect(regsync.flat.contains("another name at the target (line 3, column 3)"))
        #expect(regsync.flat.contains("a.io/c -> r.io/c, with these tags (line 6, column 4):"))
        let dregsy = try Converted(
            "tasks:\n- source: {registry: a.io}\n  target: {registry: r.io}\n  mappings:\n  - {from: 'regex:x'}\n  - from: B\n",
            "alpine:3 # another"
        )
        #expect(dregsy.flat.contains("make an entry for each repository (line 5, column 6)"))
        #expect(dregsy.flat.contains("upper-case letters are not allowed (line 6, column 5)"))
    }

    @Test(
        "A single element in a list's place, and a section without its neighbour, are read",
        arguments: [
            "tasks: [{source: {registry: quay.io}, target: {registry: r.io}, mappings: {from: a/b, tags: ['1']}}]",
            "images: {quay.io/a/b:1: r.io/a/b}", "{\"images\": {\"quay.io/a/b:1\": \"r.io/a/b\"}, \"auth\": null}",
            "sync: [{source: quay.io/a/b, target: r.io/a/b, type: repository, tagSets: {allow: '1'}}]",
        ]
    )
    func single(_ file: String) throws {
        #expect(try Converted(file).entries == ["quay.io/a/b:1 -> r.io/a/b"])
    }

    @Test("Lines of a list that are not converted are told with their numbers")
    func lines() throws {
        let list = "alpine:3\n\nredis@\(Self.digest)\nUPPER:1\n--platform=none nginx:1\napp:$TAG\n"
        let converted = try Converted(list, format: .list)
        #expect(converted.entries.count == 1)
        for words in [
            "the tag that it belongs to (line 3)", "not allowed (line 4)", "is no platform (line 5)",
            "must be written first (line 6)",
        ] {
            #expect(converted.flat.contains(words), "\(words)")
        }
    }

    @Test(
        "Names by host and path are there for every file that names no targets",
        arguments: [
            ("quay.io/a/b:1 # a list", ForeignFormat.list),
            ("apiVersion: v1\nkind: Pod\nimage: quay.io/a/b:1", .kubernetes),
            ("quay.io: {images: {a/b: ['1']}}", .skopeo), ("quay.io/a/b:1: ''", .imageSyncer),
        ]
    )
    func scoped(_ file: String, _ format: ForeignFormat) throws {
        let converted = try Converted(file, format: format, target: "m.example.com", isScoped: true)
        #expect(converted.entries == ["quay.io/a/b:1 -> m.example.com/quay.io/a/b"])
    }

    @Test(
        "Filters that are no lists of texts leave an entry out, and never take everything",
        arguments: [
            "sync: [{source: a.io/b, target: r.io/b, type: repository, tags: {allow: {x: y}}}]",
            "sync: [{source: a.io/b, target: r.io/b, type: repository, tags: {allow: [[x]]}, tagSets: []}]",
            "sync: [{source: a.io/b, target: r.io/b, type: repository, tags: [x]}]",
            "sync: [{source: a.io/b, target: r.io/b, type: repository, tagSets: [x]}]",
            "sync: [{source: a.io/b, target: r.io/b, type: repository, tagSets: {deny: [[x]]}}]",
            "sync: [x, {source: a.io/b, type: image, target: a.io/b}]",
            "tasks: [{source: {registry: a.io}, target: {registry: r.io}, mappings: [{from: b, tags: {x: y}}]}]",
            "tasks: [{source: {registry: a.io}, target: {registry: r.io}, mappings: [{from: b, tags: [[x]]}]}]",
            "tasks: [x, {source: {registry: a.io}, target: {registry: a.io}, mappings: [x, {from: b}]}]",
        ]
    )
    func filters(_ file: String) throws {
        let converted = try Converted(file, "alpine:3 # another")
        #expect(converted.entries.count == 1 && converted.flat.contains("not converted: "), "\(converted.text)")
    }
}
