import OCI
import Sync
import Testing
import YAML

@testable import Convert

/// What holds for every format: recognition, errors, and the writer.
@Suite(.timeLimit(.minutes(10)))
struct ConversionTests {
    @Test(
        "Each file is recognised by its content",
        arguments: [
            ("sync: [{source: a/b, target: c.io/d, type: image}]", ForeignFormat.regsync),
            ("creds: []\ndefaults: {parallel: 2}", .regsync),
            ("quay.io: {images: {a: []}}", .skopeo),
            ("relay: docker\ntasks: [{name: a, mappings: [{from: b}]}]", .dregsy),
            ("quay.io/a/b: r.io/c", .imageSyncer),
            ("{\"quay.io\": {\"username\": \"a\", \"password\": \"b\"}}", .imageSyncer),
            ("{\"quay.io/c/d\": \"r.example/d\", \"alpine\": [\"r.example/a\"]}", .imageSyncer),
            ("apiVersion: v1\nkind: Pod", .kubernetes),
            ("services: {web: {image: nginx}}", .kubernetes),
            ("{\"bomFormat\": \"CycloneDX\"}", .cycloneDX),
            ("spdxVersion: SPDX-2.3\npackages: []", .spdx),
            ("# c\nSPDXVersion: SPDX-2.3", .spdx),
            ("alpine:3.21\nquay.io/a/b@sha256:\(String(repeating: "0", count: 64))", .list),
        ]
    )
    func recognition(_ text: String, _ format: ForeignFormat) {
        #expect(ForeignFormat.recognize(text) == format)
    }

    @Test(
        "A configuration, a broken one and anything else are none of them",
        arguments: [
            "sync: {entries: [{source: a.io/b, tag: c, target: d.io/e}]}", "sync:\n  entries:\n    - source: [", "a: b",
            "",
            "registries: {quay.io: {plain_http: true}}", "[1, 2]", "sync: {entries: []}\nx-a: {kind: b, apiVersion: c}",
        ]
    )
    func others(_ text: String) {
        #expect(ForeignFormat.recognize(text) == nil)
    }

    @Test(
        "What cannot be converted says why",
        arguments: [
            ("a: b", nil, "not a file of regsync, skopeo sync"), ("a: [", .regsync, "file:2: not YAML"),
            ("{\"a\": ", .cycloneDX, "file: not JSON"), ("apiVersion: v1\nkind: Pod", .kubernetes, "names no images"),
            ("redis@sha256:\(String(repeating: "0", count: 64))", .list, "a digest without a tag"),
            ("services:\n  web:\n    image: a\n\tb: c", nil, "file:4: not YAML: not valid YAML"),
            ("kind: Pod\nimage: {{ .a }}:{{ .b }}\n", nil, "file:2: not YAML"),
            ("{\"images\": ", nil, "file: not JSON"), ("alpine:3\n'x\n", nil, "not a file of regsync, skopeo sync"),
        ] as [(String, ForeignFormat?, String)]
    )
    func errors(_ text: String, _ format: ForeignFormat?, _ words: String) {
        let error = #expect(throws: ConversionError.self) { try Converted(text, format: format) }
        #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
    }

    @Test("A target has to be a registry", arguments: ["", "mirrors", "https://r.io", "r.io/UP"])
    func targets(_ target: String) {
        #expect(throws: ConversionError.self) { try Conversion(target: target) }
    }

    @Test("An alias that would explode is refused")
    func aliases() {
        let lines = (1..<30).map { "a\($0): &a\($0) [*a\($0 - 1), *a\($0 - 1), *a\($0 - 1)]" }
        let bomb = (["a0: &a0 [x, x, x]"] + lines).joined(separator: "\n")
        #expect(throws: ConversionError.self) { try Converted(bomb, format: .kubernetes) }
    }

    @Test("Two images for one tag of the target: the second becomes a comment")
    func conflicts() throws {
        let converted = try Converted(
            """
            sync:
              - {source: "a.io/x:1", target: "r.io/x:1", type: image}
              - {source: "b.io/x:1", target: "r.io/x:1", type: image}
              - {source: "a.io/x:1", target: "r.io/x:1", type: image}
              - {source: "r.io/x:1", target: "r.io/x:1", type: image}
              - {source: a.io/y, target: r.io/y, type: repository, tags: {allow: ['(']}}
            """
        )
        #expect(converted.entries == ["a.io/x:1 -> r.io/x"])
        #expect(converted.flat.contains("which a.io/x writes already"))
        #expect(converted.flat.contains("source and target are the same"))
        #expect(converted.flat.contains("missing )"))
    }

    @Test(
        "Every text comes back as it was written",
        arguments: [
            "3.10", "true", "null", "a: b", "it's", "- x", "#c", "", " ", "a\nb", "\u{202E}x", "\"", "\\", "{a}", "[b",
            "1e3", "é", "^a$",
            "~", "y", "a:", "a,b", "&a", "*a", "!t", "%x", "@x", "`x`", "0x1F", "\u{0}", "12:30",
        ]
    )
    func scalars(_ text: String) throws {
        let yaml = CommentedYAML.mapping([
            CommentedYAML.Pair(comments: [text], key: "k", value: .scalar(text)),
            CommentedYAML.Pair(key: "f", value: .flow([text, text])),
        ])
        let value = ForeignValue(try #require(try YAMLDocument(yaml.text).root))
        #expect(value["k"]?.text == text, "\(yaml.text)")
        #expect(value["f"]?.texts == [text, text], "\(yaml.text)")
    }
}
