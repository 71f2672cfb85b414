import FoundationEssentials
import Lifecycle
import OCI
import Sync
import Testing
import YAML

@testable import imglife

/// The documents here are JSON, which is YAML too.
@Suite(.timeLimit(.minutes(10)))
struct ConfigurationSchemaTests {
    private static let unknown = "zzzzzzzzzzzzzzzz"

    /// Whether the reader takes it.
    private func isAccepted(_ document: String) -> Bool {
        (try? Configuration(yaml: document, file: "imglife.yaml")) != nil
    }

    @Test("The schema has just the keys that the reader knows, at every place")
    func keys() throws {
        let key = "\"\(Self.unknown)\": 1"
        let hooks = #"{"post_sync": [{"cmd": "a", \#(key)}], \#(key)}"#
        let document = """
            {"sync": {"entries": [{"source": "a.io/b", "target": "c.io/b", "tag": "1", "hooks": \(hooks),
              "lifecycle": {"product": "p", "track": "minor", \(key)}, \(key)}], "hooks": \(hooks), \(key)},
             "cache": {\(key)}, "registries": {"a.io": {\(key)}}, "lifecycle": {\(key)}, "registry": {\(key)}, \(key)}
            """
        var known: [String: Set<String>] = [:]
        do {
            _ = try Configuration(yaml: document, file: "imglife.yaml")
        } catch {
            for problem in error.problems {
                let place = String(problem.path.dropLast(Self.unknown.count)).replacing("[0]", with: "[]")
                let keys = problem.message.components(after: "the keys here are ")
                known[place.replacing("registries.a.io.", with: "registries.*.")] = Set(keys)
            }
        }
        #expect(known.count == 11)
        let validator = try SchemaValidator(ConfigurationSchema.text)
        for (place, keys) in known {
            let schema = validator.schema(at: String(place.hasSuffix(".") ? place.dropLast() : place[...]))
            #expect(Set(schema?["properties"]?.members?.map(\.key) ?? []) == keys, "\(place)")
            #expect(schema?["additionalProperties"]?.bool == false, "\(place)")
        }
    }

    @Test("Every key is described, and the defaults and words are the reader's")
    func descriptions() throws {
        let validator = try SchemaValidator(ConfigurationSchema.text)
        for place in ["", "sync", "sync.entries[]", "cache", "registries.*", "registry", "lifecycle", "sync.hooks"] {
            for member in validator.schema(at: place)?["properties"]?.members ?? [] {
                #expect(member.value["description"]?.string?.isEmpty == false, "\(place) \(member.key)")
            }
        }
        let lifecycle = validator.schema(at: "lifecycle")?["properties"]
        #expect(lifecycle?["eol_data_file"]?["default"]?.string == LifecycleOptions().dataFile)
        #expect(lifecycle?["eol_provider"]?["default"]?.string == LifecycleOptions().provider.rawValue)
        #expect(lifecycle?["eol_provider"]?["enum"]?.elements?.compactMap(\.string) == ["endoflife", "local"])
        let timeout = validator.schema(at: "sync.hooks.post_sync[]")?["properties"]?["timeout"]?["default"]?.string
        #expect(try Duration(goDuration: try #require(timeout)) == Hook.defaultTimeout)
        let track = validator.schema(at: "sync.entries[].lifecycle")?["properties"]?["track"]?["enum"]
        #expect(track?.elements?.compactMap(\.string) == LifecycleTrack.allCases.map(\.rawValue))
    }

    private static func document(_ entry: String, _ more: String = "") -> String {
        #"{"sync": {"entries": [{"source": "docker.io/library/alpine", "target": "a.io:5000/b/c", \#(entry)}]}\#(more)}"#
    }

    @Test(
        "What the reader takes is valid",
        arguments: [
            document(#""tag": "3.20""#),
            document(#""tag": 3.20"#),
            document(#""tag_regex": "^3\\.\\d+$", "keep_last": 3, "os_normalize": true, "check_digest": "no""#),
            document(#""tag": "a", "platforms": [], "referrers": "YES""#),
            document(#""tag": "a", "platforms": ["linux/arm/v7"], "lifecycle": {"product": "p+", "extract": "major"}"#),
            document(#""tag": "a", "hooks": {"post_sync": [{"cmd": "x", "timeout": "1m30.5s"}]}"#),
            document(#""tag": "a""#, #", "cache": {"path": "/c", "max_size": "1.5 TiB"}, "build": 1, "status": {}"#),
            document(#""tag": "a""#, #", "cache": {"max_size": 1073741824}, "registry": {"url": "http://a", "x": 1}"#),
            document(
                #""tag": "a""#,
                #", "registries": {"[::1]:5000": {"endpoint": "http://a/b", "mirrors": ["m.io"]}, "LOCALHOST:1": null}"#
            ),
            document(#""tag": "a""#, #", "lifecycle": {"eol_provider": "local", "eol_url": "HTTPS://a.io"}"#),
            document(#""tag": "a""#, #", "x-anchors": [1, {"a": "b"}], "x-": null"#),
        ]
    )
    func valid(document: String) throws {
        #expect(isAccepted(document))
        #expect(try SchemaValidator(ConfigurationSchema.text).problems(document) == [])
    }

    @Test(
        "Without entries a file is of use for whoever copies nothing",
        arguments: [#"{"registries": {"a.io": {}}}"#, #"{"cache": {"path": "a"}, "x-mine": 1}"#]
    )
    func withoutEntries(document: String) throws {
        #expect(!isAccepted(document))
        #expect(try Configuration(yaml: document, file: "a", needsEntries: false).entries.isEmpty)
        #expect(try SchemaValidator(ConfigurationSchema.text).problems(document) == [])
    }

    @Test(
        "What the reader refuses is invalid",
        arguments: [
            "{}", "[]", #"{"sync": {}}"#, #"{"sync": {"entries": []}}"#,
            document(#""keep_last": 1"#),
            document(#""tag": "a", "tag_regex": "b""#),
            document(#""tag": "-a""#),
            document(#""tag_regex": """#),
            document(#""tag_regex": "a", "keep_last": 0"#),
            document(#""tag_regex": "a", "keep_last": 1.5"#),
            document(#""tag": "a", "check_digest": "maybe""#),
            document(#""tag": "a", "platforms": ["linux"]"#),
            document(#""tag": "a", "lifecycle": {"product": "p"}"#),
            document(#""tag": "a", "lifecycle": {"product": "../p", "track": "minor"}"#),
            document(#""tag": "a", "lifecycle": {"product": "p", "track": "patch"}"#),
            document(#""tag": "a", "hooks": {"post_sync": [{"timeout": "1s"}]}"#),
            document(#""tag": "a", "hooks": {"post_sync": [{"cmd": "x", "timeout": "60"}]}"#),
            document(#""tag": "a""#, #", "cache": {"max_size": "1 gallon"}"#),
            document(#""tag": "a""#, #", "registries": {"https://a.io": {}}"#),
            document(#""tag": "a""#, #", "registries": {"a.io": {"endpoint": "a.io"}}"#),
            document(#""tag": "a""#, #", "registries": {"a.io": {"max_connections": 0}}"#),
            document(#""tag": "a""#, #", "lifecycle": {"eol_provider": "web"}"#),
            #"{"sync": {"entries": [{"source": "a.io/b:1", "target": "c.io/b", "tag": "1"}]}}"#,
            #"{"sync": {"entries": [{"source": "a.io/b", "target": "c.io/B", "tag": "1"}]}}"#,
        ]
    )
    func invalid(document: String) throws {
        #expect(!isAccepted(document))
        #expect(try !SchemaValidator(ConfigurationSchema.text).problems(document).isEmpty)
    }

    private static let entryKeys = [
        "tag_exclude", "keep_last", "os_normalize", "check_digest", "platforms", "lifecycle", "hooks", "referrers",
        "tag_regex",
    ]
    private static let hostKeys = [
        "endpoint", "plain_http", "ca_file", "hub_api", "max_connections", "mirrors", "auth_realms",
    ]

    /// Documents in which `@` stands for a value.
    private static let places: [String] =
        entryKeys.map { document(#""tag": "a", "\#($0)": @"#) }
        + [
            #""tag": @"#, #""tag_regex": @"#, #""tag": @, "tag_regex": "a""#, #""tag": null, "tag_regex": @"#,
            #""tag": "a", "lifecycle": {"product": @, "track": "minor"}"#,
            #""tag": "a", "lifecycle": {"product": "p", "track": @}"#,
            #""tag": "a", "lifecycle": {"product": "p", "track": @, "extract": "minor"}"#,
            #""tag": "a", "lifecycle": {"product": "p", "extract": @}"#,
            #""tag": "a", "platforms": [@]"#, #""tag": "a", "hooks": {"post_sync": @}"#,
            #""tag": "a", "hooks": {"post_sync": [@]}"#, #""tag": "a", "hooks": {"post_sync": [{"cmd": @}]}"#,
            #""tag": "a", "hooks": {"post_sync": [{"cmd": "x", "timeout": @, "continue_on_error": null}]}"#,
            #""tag": "a", "hooks": {"post_sync": [{"cmd": "x", "continue_on_error": @}]}"#,
        ].map { document($0) }
        + hostKeys.map { document(#""tag": "a""#, #", "registries": {"z.io": {"\#($0)": @}}"#) }
        + [
            #""cache": @"#, #""cache": {"path": @}"#, #""cache": {"max_size": @}"#, #""cache": {"min_free": @}"#,
            #""registries": @"#, #""registries": {"z.io": @}"#, #""registries": {"z.io": {"mirrors": [@]}}"#,
            #""registry": @"#, #""registry": {"url": @}"#, #""registry": {"insecure_registries": @}"#,
            #""registry": {"insecure_registries": [@]}"#, #""lifecycle": @"#, #""lifecycle": {"eol_provider": @}"#,
            #""lifecycle": {"eol_data_file": @}"#, #""lifecycle": {"eol_url": @}"#, #""build": @"#, #""x-a": @"#,
        ].map { document(#""tag": "a""#, ", \($0)") }
        + [
            "@", #"{"sync": {"entries": @}}"#, #"{"sync": {"entries": [@]}}"#,
            #"{"sync": {"entries": [{"source": @, "target": "c.io/d", "tag": "a"}]}}"#,
            #"{"sync": {"entries": [{"source": "c.io/d", "target": @, "tag": "a"}]}}"#,
            #"{"sync": {"platforms": @, "entries": [{"source": "c.io/d", "target": "e.io/d", "tag": "a"}]}}"#,
            #"{"sync": {"hooks": @, "entries": [{"source": "c.io/d", "target": "e.io/d", "tag": "a"}]}}"#,
        ]

    private static let values = [
        "null", #""""#, #""a""#, #""5""#, "5", "0", "1.5", "true", #""true""#, "[]", "{}", #"["a"]"#, "[null]",
        #"{"a": "b"}"#, #""linux/amd64""#, #"["linux/amd64"]"#, #""30s""#, #""0s""#, #""10GiB""#, #""0""#,
        "10000", "10001", #""010000""#, #""10001""#, #""http://a.io""#, #""a.io""#, #""a.io/b""#, #""a..io""#,
        #""a_b/c""#, #""a.io:0""#, #""a.io:5000""#,
        #""a.io:5000/b""#, #""minor""#, #""-1""#, #""local""#, #""A/b""#, #""(""#, #""a\n""#, #""a\nb""#,
    ]

    @Test("The schema takes what the reader takes and nothing else, whatever stands at a place", arguments: places)
    func everywhere(_ place: String) throws {
        let validator = try SchemaValidator(ConfigurationSchema.text)
        for value in Self.values {
            let document = place.replacing("@", with: value)
            let problems = try validator.problems(document)
            // Whether an expression compiles, and what may be no host, only the reader knows.
            let isBeyond = value == #""(""# && place.contains("tag_") || value == #""A/b""# && place.contains("c.io/d")
            #expect(isBeyond || isAccepted(document) == problems.isEmpty, "\(document): \(problems)")
        }
    }
}

extension String {
    /// The pieces of a list with commas that follows a phrase.
    fileprivate func components(after phrase: String) -> [String] {
        guard let range = firstRange(of: phrase) else { return [] }
        return self[range.upperBound...].split(separator: ", ").map(String.init)
    }
}
