import Lifecycle
import OCI
import Testing

@testable import Sync

@Suite(.timeLimit(.minutes(10)))
struct EOLFiguresTests {
    private let configuration: Configuration

    init() throws {
        configuration = try Configuration(
            yaml: """
                sync:
                  entries:
                    - {source: a.io/a, target: c.io/a, tag_regex: '.', lifecycle: {product: a, track: minor}}
                    - {source: a.io/b, target: c.io/b, tag_regex: '.'}
                    - {source: a.io/c, target: c.io/c, tag_regex: '.', lifecycle: {product: c, track: major}}
                """,
            file: "imglife.yaml"
        )
    }

    private func row(
        _ entry: Int,
        _ tag: String?,
        _ status: SyncReport.Status = .synced,
        source: String? = nil
    ) throws -> SyncReport.Row {
        SyncReport.Row(
            entry: entry,
            route: SyncReport.Route(
                source: configuration.entries[entry].source,
                target: configuration.entries[entry].target
            ),
            sourceTag: try (source ?? tag).map { try TagName($0) },
            targetTag: try tag.map { try TagName($0) },
            status: status
        )
    }

    @Test("Tags that are at the target are counted, of entries with lifecycle, by their names there")
    func counts() throws {
        var report = SyncReport()
        report.rows = try [
            row(0, "1.0.3"), row(0, "1.1.0", .upToDate), row(0, "1.2-alpine3.21", source: "alpine3.21"),
            row(0, "1.0.4", .failed), row(0, nil, .failed), row(1, "1.0.1"),
        ]
        let catalogue = try LifecycleCatalogue(
            yaml: """
                a:
                  - {cycle: "1.0", eol: 2026-11-21}
                  - {cycle: "1.1", eol: 2026-12-31}
                  - {cycle: "1.2", eol: false}
                """,
            file: "eol-data.yaml"
        )
        let today = try #require(CalendarDate("2026-11-21"))
        let figures = report.lifecycleFigures(configuration, catalogue, today: today)
        #expect(figures.tracked == 3 && figures.ended == 1 && figures.endingSoon == 1 && figures.unknown == 0)
        #expect(report.lifecycleProducts(configuration) == ["a"])
    }

    @Test("There is nothing to ask when every tracked tag has failed")
    func nothingToAsk() throws {
        var report = SyncReport()
        report.rows = try [row(1, "1"), row(2, "1", .failed)]
        #expect(report.lifecycleProducts(configuration).isEmpty)
    }
}
