import FoundationEssentials
import TestSupport
import Testing

/// What holds for all tests of this package; their sources are read.
@Suite(.timeLimit(.minutes(10)))
struct TestRulesTests {
    /// The sources of all test targets, by their paths below `Tests`.
    private static func sources() throws -> [(path: String, text: String)] {
        let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().path
        let targets = try Files.list(tests).filter { $0.hasSuffix("Tests") }
        return try targets.flatMap { target in
            try Files.tree("\(tests)/\(target)").filter { $0.hasSuffix(".swift") }
                .map { ("\(target)/\($0)", try Files.text("\(tests)/\(target)/\($0)")) }
        }
    }

    @Test("Every suite has a time limit")
    func limits() throws {
        var suites: Set<String> = []
        var limited: Set<String> = []
        for (path, text) in try Self.sources() {
            let target = path.prefix { $0 != "/" }
            // What is declared at the left margin ends with a brace there.
            for declaration in text.split(separator: "\n}\n") {
                let type = #/(?:^|\n)(?:private |final )*(?:struct|class|enum|actor|extension) (\w+)/#
                guard let match = declaration.firstMatch(of: type) else { continue }
                let name = "\(target).\(match.output.1)"
                if declaration.contains("\n    @Test") { suites.insert(name) }
                if declaration[..<match.range.upperBound].contains(".timeLimit(") { limited.insert(name) }
            }
        }
        #expect(suites.count > 150)
        #expect(suites.subtracting(limited).sorted() == [])
    }

    @Test("Nothing is skipped but by a requirement, which continuous integration makes a failure")
    func skipping() throws {
        let ways = [
            "\u{2E}enabled(", "\u{2E}disabled(", "withKnown\u{49}ssue", "Tool\u{2E}isInstalled",
        ]
        for (path, text) in try Self.sources() {
            for way in ways { #expect(!text.contains(way), "\(path): \(way)") }
        }
    }
}
