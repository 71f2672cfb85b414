import Sync
import TestSupport
import Testing
import YAML

@Suite(.timeLimit(.minutes(10)))
struct ConfigurationBoundsTests {
    /// `levels` lists of `width` aliases each to the list before.
    static func bomb(levels: Int, width: Int, end: String) -> String {
        var yaml = "a0: &a0 [x, x, x]\n"
        for level in 1...levels {
            let aliases = Array(repeating: "*a\(level - 1)", count: width).joined(separator: ", ")
            yaml += "a\(level): &a\(level) [\(aliases)]\n"
        }
        return "build:\n" + yaml.split(separator: "\n").map { "  \($0)\n" }.joined() + end
    }

    @Test("A small file that expands past the bound is refused")
    func bombInValues() {
        let problems = ConfigurationProblemTests.problems(Self.bomb(levels: 9, width: 9, end: ""))
        #expect(problems.count == 1)
        #expect(problems.first?.contains("more than 100000 nodes with its aliases expanded") == true)
    }

    @Test(
        "A bomb in a key is refused before anything hashes it",
        arguments: [
            ("  ? *a9\n  : x\n", "12:5"), ("  *a9 : x\n", "12:3"), ("  ? [*a9]\n  : x\n", "12:6"),
            ("  x: { [*a9]: y }\n", "12:9"), ("  ? - *a9\n  : x\n", "12:7"), ("  x: { [[\"]\", *a9]] : y }\n", "12:15"),
            ("  x: { {a: *a9}: y }\n", "12:12"), ("  ? # comment\n    *a9\n  : x\n", "13:5"),
            ("  x: [*a9:y]\n", "12:7"), ("  x: {*a9:\"y\"}\n", "12:7"), ("  x: [ '*', \"\\\"*\", *a9: y]\n", "12:20"),
        ]
    )
    func bombInKeys(end: String, place: String) {
        let problems = ConfigurationProblemTests.problems(Self.bomb(levels: 9, width: 9, end: end))
        #expect(
            problems == [
                "imglife.yaml:\(place): too many YAML aliases together with keys that are not scalars"
            ]
        )
    }

    @Test("Many aliases beside text that looks like a key are no bomb")
    func manyAliases() throws {
        var yaml = "build: &p [linux/amd64]\nsync:\n  entries:\n"
        for index in 0..<200 {
            yaml += "    - { source: a.io/b, target: c.io/d\(index), tag_regex: '^[a-z]: *x$', platforms: *p }\n"
            yaml +=
                "    - source: a.io/b\n      target: c.io/e\(index)\n      tag: x\n      platforms: *p # as: always\n"
            yaml += "      hooks: { post_sync: [{ cmd: 'echo \"${IMGLIFE_TARGET}: done? yes\"' }] }\n"
        }
        #expect(try Configuration(yaml: yaml, file: "imglife.yaml").entries.count == 400)
    }

    @Test(
        "What looks like an alias, and a key, in comments and texts is none",
        arguments: [
            "# *NOTE*: keep this sorted", "# *p: [*p]: ? *p", "x-a: 'a # *p: b'", "x-a: \"new: *p: see\"",
            "x-a: |\n  *p: x",
            "x-a: it's [*p]\nx-b: isn't", "x-a: a\n  '\n  *p",
        ]
    )
    func noAliases(line: String) throws {
        var yaml = "\(line)\nx-p: &p [linux/amd64]\nsync:\n  entries:\n"
        for index in 0..<20 { yaml += "    - {source: a.io/b, target: c.io/d\(index), tag: x, platforms: *p}\n" }
        #expect(try Configuration(yaml: yaml, file: "imglife.yaml").entries.count == 20)
    }

    @Test("What is no YAML is told as such beside many aliases")
    func brokenBesideAliases() {
        let problems = ConfigurationProblemTests.problems(Self.bomb(levels: 3, width: 9, end: "  b: *none\n"))
        #expect(problems.count == 1 && problems[0].contains("undefined alias"), "\(problems)")
    }

    @Test("Merging a large mapping takes no longer than reading it")
    func largeMerge() {
        let own = (0..<15_000).map { "    o\($0): 1\n" }.joined()
        let merged = (0..<15_000).map { "    m\($0): 1\n" }.joined()
        let clock = ContinuousClock.now
        let yaml = "build:\n  a: &a\n\(merged)  b:\n    <<: *a\n\(own)" + ConfigurationTests.minimal(tag: "x")
        #expect(ConfigurationProblemTests.problems(yaml).isEmpty)
        #expect(ContinuousClock.now - clock < .seconds(20))
    }

    @Test("A file of more than 1 MiB is refused")
    func size() {
        let yaml = ConfigurationTests.minimal(tag: "x") + "\n#" + String(repeating: "x", count: 1 << 20)
        #expect(ConfigurationProblemTests.problems(yaml) == ["imglife.yaml:1:1: the file is longer than 1 MiB"])
    }

    @Test("Nesting is bounded, however it is written", arguments: ["[", "- ", "{a: ", "? ", "a:\n "])
    func nesting(opening: String) {
        for count in [70, 1100, 5000] {
            #expect(!ConfigurationProblemTests.problems(String(repeating: opening, count: count)).isEmpty)
        }
    }

    @Test("A section that is ignored may not be nested for ever either")
    func nestingInIgnoredSection() {
        let lists = String(repeating: "[", count: 70) + String(repeating: "]", count: 70)
        let problems = ConfigurationProblemTests.problems(ConfigurationTests.minimal(tag: "x") + "\nbuild: " + lists)
        #expect(problems == ["imglife.yaml:6:72: nested deeper than 64 levels"])
    }

    @Test("No cut of a configuration crashes the reader")
    func truncation() {
        let scalars = Array(ConfigurationTests.full.unicodeScalars)
        for length in stride(from: 0, to: scalars.count, by: 3) {
            var text = String.UnicodeScalarView()
            text.append(contentsOf: scalars[..<length])
            check(String(text))
        }
    }

    @Test("No mutation of a configuration crashes the reader")
    func mutation() {
        var random = SplitMix(state: 20_240_101)
        let alphabet = Array("[]{}:,-?*&!|>'\"%@`#\n\t \\a0~<.é\u{FEFF}\u{0}\u{2028}".unicodeScalars)
        let original = Array(ConfigurationTests.full.unicodeScalars)
        for _ in 0..<600 {
            var scalars = original
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let place = Int.random(in: 0..<scalars.count, using: &random)
                let character = alphabet[Int.random(in: 0..<alphabet.count, using: &random)]
                switch Int.random(in: 0..<4, using: &random) {
                case 0: scalars[place] = character
                case 1: scalars.insert(character, at: place)
                case 2: scalars.remove(at: place)
                default:
                    let end = min(scalars.count, place + Int.random(in: 1..<40, using: &random))
                    scalars.insert(contentsOf: scalars[place..<end], at: place)
                }
            }
            var text = String.UnicodeScalarView()
            text.append(contentsOf: scalars)
            check(String(text))
        }
    }

    /// Either it is read, or there is at least one problem, each on one line within the file.
    private func check(_ yaml: String) {
        let lines = yaml.split(separator: "\n", omittingEmptySubsequences: false).count
        do throws(ConfigurationError) {
            #expect(try !Configuration(yaml: yaml, file: "imglife.yaml").entries.isEmpty)
        } catch {
            #expect(!error.problems.isEmpty)
            for problem in error.problems {
                #expect(!problem.description.contains("\n"))
                #expect((1...lines + 1).contains(problem.position.line))
            }
        }
    }
}
