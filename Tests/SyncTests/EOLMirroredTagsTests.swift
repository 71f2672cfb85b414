import OCI
import Testing

@testable import Sync

@Suite(.timeLimit(.minutes(10)))
struct EOLMirroredTagsTests {
    private func mirrored(_ selection: String, from present: [String]) throws -> [String] {
        let yaml = """
            sync:
              entries:
                - {source: a.io/b, target: c.io/b, \(selection)}
            """
        let entry = try #require(try Configuration(yaml: yaml, file: "imglife.yaml").entries.first)
        return try MirroredTags(entry: entry).selected(from: present.map { try TagName($0) }).map(\.description)
    }

    @Test("The target's tags are selected as the source's are, newest first")
    func pattern() throws {
        let present = ["3.9.1", "latest", "3.21.3", "3.20.0", "sha256-" + String(repeating: "a", count: 64)]
        #expect(try mirrored(#"tag_regex: '^\d'"#, from: present) == ["3.21.3", "3.20.0", "3.9.1"])
        #expect(try mirrored(#"tag_regex: '^\d', keep_last: 2"#, from: present) == ["3.21.3", "3.20.0"])
        #expect(try mirrored("tag_regex: 'a'", from: present) == ["latest"])
        #expect(try mirrored("tag_regex: 'z'", from: present).isEmpty)
    }

    @Test(
        "With os_normalize a tag is found under the name that it was given",
        arguments: [
            ("tag_regex: '^alpine'", ["1.23-alpine3.21", "1.22-alpine3.21", "1.22-rc1-alpine3.20"]),
            ("tag_regex: '^alpine3.21$', keep_last: 1", ["1.23-alpine3.21"]),
            ("tag_regex: '^alpine3.20-'", ["1.22-rc1-alpine3.20"]),
            ("tag_regex: '^1.22-'", ["1.22-alpine3.21", "1.22-rc1-alpine3.20"]),
            ("tag: alpine3.21", ["1.23-alpine3.21"]),
            ("tag: alpine3.21-1.22", ["1.22-alpine3.21"]),
            ("tag: alpine3.19", []),
        ]
    )
    func normalized(selection: String, expected: [String]) throws {
        let present = ["1.22-alpine3.21", "1.23-alpine3.21", "1.22-rc1-alpine3.20", "1.23", "other-alpine3.21"]
        #expect(try mirrored("\(selection), os_normalize: true", from: present) == expected)
    }

    @Test("Without os_normalize a tag's name is its own")
    func plain() throws {
        #expect(try mirrored("tag_regex: '^alpine'", from: ["1.22-alpine3.21", "alpine3.21"]) == ["alpine3.21"])
    }
}
