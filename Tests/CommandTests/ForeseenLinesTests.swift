import Testing

@testable import Sync
@testable import imglife

/// What a dry run lists below its summary.
@Suite(.timeLimit(.minutes(10)))
struct ForeseenLinesTests {
    private static func report() throws -> SyncReport {
        var report = SyncReport()
        report.isDryRun = true
        report.rows = try (0..<100).map { number in
            var row = try Sample.row(.synced, tag: "10.\(number).0")
            row.plannedBytes = 12_345_678
            return row
        }
        return report
    }

    @Test("A terminal shows what fits on a screen, and every line within its width", arguments: [60, 80, 120])
    func terminal(columns: Int) throws {
        let lines = ForeseenLines(report: try Self.report(), columns: columns).text.split(separator: "\n")
        #expect(lines.count == 25)
        #expect(lines.allSatisfy { $0.count <= columns }, "\(lines)")
        #expect(lines.first?.hasSuffix(" (absent), 12345678 bytes") == true)
        #expect(lines.last == "and 76 more tags: '--output json' or a pipe tells all")
    }

    @Test("Others get a whole line for each tag")
    func whole() throws {
        let lines = ForeseenLines(report: try Self.report()).text.split(separator: "\n")
        #expect(lines.count == 100)
        let place = "docker.io/library/alpine:10.0.0 -> registry.example.com:5000/mirrors/alpine:10.0.0"
        #expect(lines.first == "would copy \(place) (absent), 12345678 bytes")
    }
}
