import OCI
import Sync
import Testing

@Suite(.timeLimit(.minutes(10)))
struct TagPatternTests {
    @Test(
        "A pattern is searched for, not anchored",
        arguments: [
            (#"^3\.\d+$"#, "3.21", true), (#"3\.\d+"#, "v13.21-x", true), (#"^3\.\d+$"#, "3.21.1", false),
            ("", "x", true),
            ("(?i)ALPINE", "1-alpine", true), ("alpine", "ALPINE", false), (#"^v?(\d+\.?)+$"#, "v1.2.3", true),
            ("a{3}", "aaa", true),
        ]
    )
    func search(pattern: String, tag: String, matches: Bool) throws {
        #expect(try TagPattern(pattern).matches(TagName(tag)) == matches)
    }

    @Test(
        "Patterns that make backtracking engines explode just answer",
        arguments: [
            "^(a+)+$", "^(a|aa)+$", "^(a|a?)+$", "(a*)*b", #"^v?(\d+\.?)+$"#,
        ]
    )
    func linear(pattern: String) throws {
        let tag = try TagName(String(repeating: "a", count: 127) + "_")
        #expect(try !TagPattern(pattern).matches(tag))
    }

    @Test(
        "What RE2 refuses is refused with its own words",
        arguments: [
            ("(", "missing ): ("), ("a**", "bad repetition operator: **"),
            ("[z-a]", "invalid character class range: z-a"),
            (#"(a)\1"#, #"invalid escape sequence: \1"#), ("(?=a)", "invalid perl operator: (?="),
            (#"\"#, #"trailing \"#), ("a{1001}", "invalid repetition size: {1001}"),
            ("(((a{100}){100}){100})", "invalid repetition size: {100}"),
            (#"((\pL{5,40}){6}){4}"#, "pattern too large - compile failed"),
        ]
    )
    func refused(pattern: String, reason: String) {
        let error = #expect(throws: PatternError.self) { try TagPattern(pattern) }
        #expect(error?.reason.hasPrefix(reason) == true, "\(error?.reason ?? "")")
    }

    @Test(
        "Whether all matches begin with a text can be told",
        arguments: [
            ("^sha256-", true), (#"^(?:sha256-.*\.sig)$"#, true), ("^(?:(?:sha256-a.*)|(?:sha256-[0-9]+))$", true),
            ("^(?:v.*|sha256-.*)$", false), ("^sha2.*", false), (".*", false), ("", false), ("^(?i:sha256-)", false),
            (#"^(?:sha256-[0-9a-f]{64}(?:\.sig)?)$"#, true), ("^sha256$", false), (#"^[^\s\S]$"#, false),
        ]
    )
    func beginnings(pattern: String, begins: Bool) throws {
        #expect(try TagPattern(pattern).begins(with: "sha256-") == begins)
    }

    @Test("A pattern may be used from many tasks at once")
    func concurrent() async throws {
        let pattern = try TagPattern(#"^1\.\d+-(alpine|bookworm)$"#)
        let tags = try (0..<200).map { try TagName("1.\($0)-\($0 % 2 == 0 ? "alpine" : "slim")") }
        let count = await withTaskGroup(of: Bool.self) { group in
            for tag in tags { group.addTask { pattern.matches(tag) } }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(count == 100)
    }
}
