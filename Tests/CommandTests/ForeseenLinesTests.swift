import Testing

@testable import Sync
@testable import imglife

/// What a dry run lists below its summary.
@Suite(.timeLimit(.minutes(10)))
struct ForeseenLinesTests {
    private static func report(suffix: String = "") throws -> SyncReport {
        var report = SyncReport()
        report.isDryRun = true
        report.rows = try (0..<100).map { number in
            var row = try Sample.row(.synced, tag: "10.\(number).0\(suffix)")
            row.plannedBytes = 12_345_678
            return row
        }
        return report
    }

    @Test(
        "A terminal shows what fits on a screen: both tags of an image whole, and every line within its width",
        arguments: [40, 60, 80, 120],
        ["", "-alpine3.21", "-alpine3.21-perl-arm64v8"]
    )
    func terminal(columns: Int, suffix: String) throws {
        let lines = ForeseenLines(report: try Self.report(suffix: suffix), columns: columns).text.split(separator: "\n")
        // Only a tag that is longer than a line takes a number of them that does not fill the screen.
        let isBroken = columns == 40 && suffix.count > 18
        #expect(lines.count == (isBroken ? 22 : 25))
        #expect(lines.dropLast().allSatisfy { $0.count <= columns }, "\(lines)")
        let separator = isBroken ? "" : " "
        let tags = lines.dropLast().map { $0.drop { $0 == " " } }.joined(separator: separator)
            .matches(of: /:(10\.[0-9]+\.0[-a-z0-9.]*?)(?=->| |\()/).map(\.output.1)
        let rows = tags.count / 2
        #expect(isBroken ? rows == 3 : [24, 12, 8].contains(rows))
        #expect(columns < 120 || suffix.count > 12 || rows == 24)
        // Source and target of each row.
        let all = (0..<rows).flatMap { ["10.\($0).0\(suffix)", "10.\($0).0\(suffix)"] }
        #expect(tags.map(String.init) == all)
        #expect(lines.dropLast().last?.hasSuffix("(absent), 12345678 bytes") == true)
        #expect(lines.last == "and \(100 - rows) more tags: '--output json' or a pipe tells all")
    }

    @Test("A tag that is longer than a line goes on in the next ones", arguments: [40, 80])
    func longTag(columns: Int) throws {
        let suffix = String(repeating: "-x", count: 60)
        let lines = ForeseenLines(report: try Self.report(suffix: suffix), columns: columns).text.split(separator: "\n")
        #expect(lines.count <= 25)
        #expect(lines.dropLast().allSatisfy { $0.count <= columns }, "\(lines)")
        let text = lines.joined().filter { $0 != " " }
        #expect(
            text.matches(of: /:10\.0\.0(-x)*/).map(\.output.0) == [":10.0.0\(suffix)", ":10.0.0\(suffix)"],
            "\(lines)"
        )
    }

    @Test("Others get a whole line for each tag")
    func whole() throws {
        let lines = ForeseenLines(report: try Self.report()).text.split(separator: "\n")
        #expect(lines.count == 100)
        let place = "docker.io/library/alpine:10.0.0 -> registry.example.com:5000/mirrors/alpine:10.0.0"
        #expect(lines.first == "would copy \(place) (absent), 12345678 bytes")
    }
}
