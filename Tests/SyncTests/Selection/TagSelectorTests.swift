import FoundationEssentials
import Lifecycle
import OCI
import Sync
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct TagSelectorTests {
    static func entry(
        _ selection: Configuration.TagSelection,
        keepLast: Int? = nil
    ) throws -> Configuration.Entry {
        Configuration.Entry(
            source: try RepositoryReference("a.io/b"),
            target: try RepositoryReference("c.io/d"),
            selection: selection,
            keepLast: keepLast
        )
    }

    static func listed(_ names: String...) throws -> [ListedTag] {
        try names.map { ListedTag(name: try TagName($0)) }
    }

    @Test("A fixed tag is found in the listing")
    func fixedTag() throws {
        let choice = try TagSelector.select(from: Self.listed("a", "b"), for: Self.entry(.tag(TagName("b"))))
        #expect(choice.tags.map(\.name.description) == ["b"])
        #expect(choice.warnings.isEmpty && choice.undated.isEmpty)
    }

    @Test("A missing fixed tag is an error that names the source")
    func missingTag() throws {
        let entry = try Self.entry(.tag(TagName("c")))
        let error = #expect(throws: MissingTagError.self) {
            try TagSelector.select(from: Self.listed("a", "b"), for: entry)
        }
        #expect(error?.description == "a.io/b has no tag 'c'; check the entry's 'tag'")
    }

    @Test("A pattern that picks nothing is a warning")
    func nothing() throws {
        let choice = try TagSelector.select(from: Self.listed("a"), for: Self.entry(.pattern(TagPattern("^z"))))
        #expect(choice.tags.isEmpty)
        #expect(choice.warnings == ["no tag of a.io/b matches '^z'"])
    }

    @Test(
        "The rule is named that leaves a tag out",
        arguments: [
            ("edge", ["tag_regex: '^[3s]': leaves it out, number 4 of 4 from the newest"]),
            (
                "3.2-rc1",
                [
                    "tag_regex: '^[3s]': keeps it, number 1 of 4 from the newest",
                    "tag_exclude: 'rc': leaves it out, number 1 of 3 from the newest",
                ]
            ),
            (
                signature,
                [
                    "tag_regex: '^[3s]': keeps it, number 3 of 4 from the newest",
                    "tag_exclude: 'rc': keeps it, number 3 of 3 from the newest",
                    "signatures' and other referrers' tags, which 'tag' alone selects: leaves it out, number 2 of 2 from the newest",
                ]
            ),
            (
                "3.1",
                [
                    "tag_regex: '^[3s]': keeps it, number 2 of 4 from the newest",
                    "tag_exclude: 'rc': keeps it, number 2 of 3 from the newest",
                    "no keep_last: keeps it, number 1 of 1 from the newest",
                ]
            ),
        ]
    )
    func explained(tag: String, rules: [String]) throws {
        let pattern = try TagPattern("^[3s]", excluding: TagPattern("rc"))
        let listed = try Self.listed("3.1", "3.2-rc1", "edge", Self.signature)
        let lines = TagSelector.explain(try TagName(tag), among: listed, for: try Self.entry(.pattern(pattern)))
        #expect(Array(lines.dropFirst()) == rules)
    }

    private static let signature = "sha256-\(String(repeating: "a", count: 64)).sig"

    @Test("What is excluded does not count for keep_last")
    func exclusion() throws {
        let configuration = try Configuration(
            yaml: """
                sync:
                  entries:
                    - {source: a.io/b, target: c.io/d, tag_regex: '^3', tag_exclude: '-rc|^3\\.20', keep_last: 2}
                """,
            file: "imglife.yaml"
        )
        let listed = try Self.listed("3.21", "3.22-rc1", "3.20", "3.19", "3.18", "4.0")
        let choice = try TagSelector.select(from: listed, for: configuration.entries[0])
        #expect(choice.tags.map(\.name.description) == ["3.21", "3.19"])
    }

    @Test("The newest matching versions are kept, each once")
    func keepLast() throws {
        let listed = try Self.listed("3.9.6", "3.21.3", "3.20.9", "latest", "3.21.3", "3.20.10", "3.21")
        let entry = try Self.entry(.pattern(TagPattern(#"^3\.\d+\.\d+$"#)), keepLast: 3)
        let choice = try TagSelector.select(from: listed, for: entry)
        #expect(choice.tags.map(\.name.description) == ["3.21.3", "3.20.10", "3.20.9"])
        #expect(choice.undated.isEmpty)
    }

    @Test(
        "Dates are needed only when keep_last must choose among tags that are no versions",
        arguments: [
            (1, []), (2, []), (3, ["main", "edge"]), (4, ["main", "edge"]), (5, []), (9, []),
        ]
    )
    func undated(keepLast: Int, expected: [String]) throws {
        var listed = try Self.listed("main", "1.0", "edge", "2.0")
        listed.append(ListedTag(name: TagName("dated"), date: Date(timeIntervalSince1970: 5)))
        let choice = try TagSelector.select(from: listed, for: Self.entry(.pattern(TagPattern("")), keepLast: keepLast))
        #expect(choice.undated.map(\.description) == expected)
        #expect(choice.tags.count == min(keepLast, 5))
    }

    @Test("Once the dates are known they decide")
    func dated() throws {
        let listed = try [("main", 1.0), ("edge", 3.0), ("next", 2.0)].map { name, time in
            ListedTag(name: try TagName(name), date: Date(timeIntervalSince1970: time))
        }
        let choice = try TagSelector.select(from: listed, for: Self.entry(.pattern(TagPattern("")), keepLast: 2))
        #expect(choice.tags.map(\.name.description) == ["edge", "next"])
        #expect(choice.undated.isEmpty)
    }

    @Test(
        "A pattern never picks the tags under which referrers are kept, a fixed tag may",
        arguments: Digest.Algorithm.allCases
    )
    func referrers(algorithm: Digest.Algorithm) throws {
        let hex = String(repeating: "a", count: 64)
        let listed = try Self.listed(
            "\(algorithm)-\(hex)",
            "\(algorithm)-\(hex).sig",
            "\(algorithm)-\(hex).att",
            "\(algorithm)-\(hex)x",
            "\(algorithm)-abc"
        )
        let choice = try TagSelector.select(from: listed, for: Self.entry(.pattern(TagPattern(".*"))))
        #expect(Set(choice.tags.map(\.name.description)) == ["\(algorithm)-\(hex)x", "\(algorithm)-abc"])
        let fixed = try TagSelector.select(from: listed, for: Self.entry(.tag(TagName("\(algorithm)-\(hex).sig"))))
        #expect(fixed.tags.count == 1)
    }
}

@Suite(.timeLimit(.minutes(10)))
struct LifecycleTrackTests {
    @Test(
        "A tag's cycle has the parts that the track asks for, as written",
        arguments: [
            ("3.21.3", "3.21", "3"), ("22.04", "22.04", "22"), ("v1.30.2-k3s1", "1.30", "1"), ("17", "17", "17"),
            ("1.22-alpine3.21", "1.22", "1"), ("17rc1", "17", "17"), ("2024.01.15", "2024.01", "2024"),
        ]
    )
    func cycle(tag: String, minor: String, major: String) throws {
        #expect(LifecycleTrack.minor.cycle(of: try TagName(tag)) == minor)
        #expect(LifecycleTrack.major.cycle(of: try TagName(tag)) == major)
    }

    @Test("A tag without a version has no cycle", arguments: ["latest", "alpine3.21", "7f3c2a1"])
    func none(tag: String) throws {
        #expect(LifecycleTrack.minor.cycle(of: try TagName(tag)) == nil)
    }
}
