import OCI
import Sync

/// What a dry run found that a run would copy, one line a tag.
struct ForeseenLines {
    /// So many lines a person is shown on a terminal.
    private static let shownLines = 24

    let report: SyncReport
    /// A terminal's width, for which names are cut and long lists end early; `nil` for whoever reads all of it.
    var columns: Int?

    /// Ends in a line feed, unless there is nothing to copy.
    var text: String {
        let rows = report.rows.filter { $0.status == .synced }
        guard columns != nil, rows.count > Self.shownLines else { return rows.map { line($0) + "\n" }.joined() }
        let rest = rows.count - Self.shownLines
        return rows.prefix(Self.shownLines).map { line($0) + "\n" }.joined()
            + "and \(rest) more tags: '--output json' or a pipe tells all\n"
    }

    private func line(_ row: SyncReport.Row) -> String {
        let source = "\(row.source)" + (row.sourceTag.map { ":\($0)" } ?? "")
        let target = "\(row.target)" + (row.targetTag.map { ":\($0)" } ?? "")
        let bytes = row.plannedBytes.map { ", \($0) bytes" } ?? ""
        let end = " (\(row.reason ?? "absent"))\(bytes)".displaySafe(limit: 4096)
        guard let columns else { return "would copy \(source) -> \(target)\(end)" }
        let room = columns - "would copy  -> ".count - end.count
        // What one name leaves the other may have.
        let half = max(8, min(max(room / 2, room - target.count), source.count))
        return "would copy \(ColumnText.cut(source, half)) -> \(ColumnText.cut(target, max(8, room - half)))\(end)"
    }
}
