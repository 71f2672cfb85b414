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
        #expect(lines.count == 25)
        #expect(lines.dropLast().allSatisfy { $0.count <= columns }, "\(lines)")
        let tags = lines.dropLast().joined(separator: " ").matches(of: /:(10\.[0-9]+\.0\S*)/).map(\.output.1)
        let rows = tags.count / 2
        #expect([24, 12, 8].contains(rows))
        #expect(columns < 120 || suffix.count > 12 || rows == 24)
        if columns > 40 || suffix.count < 12 {
            // Source and target of each row.
            let all = (0..<rows).flatMap { ["10.\($0).0\(suffix)", "10.\($0).0\(suffix)"] }
            #expect(tags.map(String.init) == all)
        }
        #expect(lines.dropLast().last?.hasSuffix("(absent), 12345678 bytes") == true)
        #expect(lines.last == "and \(100 - rows) more tags: '--output json' or a pipe tells all")
    }

    @Test("A tag that is longer than a line is cut in its middle")
    func longTag() throws {
        let lines = ForeseenLines(report: try Self.report(suffix: String(repeating: "-x", count: 60)), columns: 80).text
            .split(separator: "\n")
        #expect(lines.count == 25)
        #expect(lines.allSatisfy { $0.count <= 80 }, "\(lines)")
        #expect(lines[0].firstMatch(of: /:10\.0\.0-x.*…/) != nil)
    }

    @Test("Others get a whole line for each tag")
    func whole() throws {
        let lines = ForeseenLines(report: try Self.report()).text.split(separator: "\n")
        #expect(lines.count == 100)
        let place = "docker.io/library/alpine:10.0.0 -> registry.example.com:5000/mirrors/alpine:10.0.0"
        #expect(lines.first == "would copy \(place) (absent), 12345678 bytes")
    }
}
