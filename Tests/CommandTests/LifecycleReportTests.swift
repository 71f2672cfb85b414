import FoundationEssentials
import Lifecycle
import OCI
import Testing

@testable import imglife

@Suite(.timeLimit(.minutes(10)))
struct LifecycleReportTests {
    private static func report(isStale: Bool = false) throws -> EOLReport {
        let today = try #require(CalendarDate("2026-11-21"))
        var catalogue = try LifecycleCatalogue(
            yaml: """
                alpine:
                  - {cycle: "3.21", eol: 2026-12-01, latest: 3.21.3, latestReleaseDate: 2025-02-13}
                  - {cycle: "3.20", eol: 2026-04-01, latest: "3.20.6\\u202e"}
                  - {cycle: "3.10", eol: true}
                  - {cycle: "3.9", eol: false}
                """,
            file: "eol.yaml"
        )
        catalogue.products["alpine"]?.isStale = isStale
        let source = try ImageReference("docker.io/library/alpine").location
        let target = try ImageReference("r.example/mirror/alpine").location
        let tracking = LifecycleTracking(product: "alpine", track: .minor)
        return EOLReport(
            today: today,
            rows: try ["3.21.3", "3.20", "3.10", "3.9.1", "latest", "3.1"].map { tag in
                .init(
                    source: source,
                    target: target,
                    status: catalogue.status(of: try TagName(tag), tracking: tracking, today: today)
                )
            }
        )
    }

    @Test("The table, columns aligned and remote texts made safe")
    func table() throws {
        #expect(
            EOLTable(try Self.report()).description == """
                IMAGE                           CYCLE  END OF LIFE    DAYS LEFT  NEWEST
                r.example/mirror/alpine:3.21.3  3.21   2026-12-01            10  3.21.3 (this)
                r.example/mirror/alpine:3.20    3.20   2026-04-01          -234  3.20.6\\u{202e}
                r.example/mirror/alpine:3.10    3.10   ended                  -  -
                r.example/mirror/alpine:3.9.1   3.9    not yet                -  -
                r.example/mirror/alpine:latest  -      no version             -  -
                r.example/mirror/alpine:3.1     3.1    unknown cycle          -  -

                """
        )
    }

    @Test("Stale data is marked and explained")
    func staleTable() throws {
        let text = EOLTable(try Self.report(isStale: true)).description
        #expect(text.contains("  2026-12-01*  "))
        #expect(text.hasSuffix("\n* from the last copy, because newer data could not be fetched\n"))
    }

    @Test("In a narrow terminal images lose their beginning, down to a least width", arguments: [75, 70, 20, 0])
    func narrowTable(width: Int) throws {
        let lines = EOLTable(try Self.report(), width: width).description.split(separator: "\n")
        #expect(lines.count == 7)
        #expect(lines.allSatisfy { $0.count <= max(width, 72) })
        #expect(lines[1].contains("alpine:3.21.3 "))
        #expect(lines[1].hasPrefix("…"))
    }

    @Test("The JSON has every key in every row")
    func json() throws {
        let report = EOLReport(
            today: try Self.report().today,
            rows: Array(try Self.report().rows.prefix(3).dropFirst())
        )
        let text = String(decoding: try report.json(), as: UTF8.self)
        #expect(
            text == """
                {
                  "date" : "2026-11-21",
                  "failures" : [

                  ],
                  "rows" : [
                    {
                      "cycle" : "3.20",
                      "days_left" : -234,
                      "eol" : "2026-04-01",
                      "newest" : "3.20.6\u{202e}",
                      "newest_date" : null,
                      "newest_in_cycle" : null,
                      "product" : "alpine",
                      "source" : "docker.io/library/alpine",
                      "stale" : false,
                      "status" : "ended",
                      "tag" : "3.20",
                      "target" : "r.example/mirror/alpine"
                    },
                    {
                      "cycle" : "3.10",
                      "days_left" : null,
                      "eol" : true,
                      "newest" : null,
                      "newest_date" : null,
                      "newest_in_cycle" : null,
                      "product" : "alpine",
                      "source" : "docker.io/library/alpine",
                      "stale" : false,
                      "status" : "ended",
                      "tag" : "3.10",
                      "target" : "r.example/mirror/alpine"
                    }
                  ],
                  "version" : 1
                }

                """
        )
    }

    @Test(
        "What fails within a number of days: what has ended and what ends by then",
        arguments: [("0d", ["3.20", "3.10"]), ("9d", ["3.20", "3.10"]), ("10d", ["3.21.3", "3.20", "3.10"])]
    )
    func failing(limit: String, tags: [String]) throws {
        let rows = try Self.report().ending(within: DayCount(limit))
        #expect(rows.map(\.status.tag.description) == tags)
    }
}
