import OCI
import Sync

/// What a dry run found that a run would copy, one line a tag.
struct ForeseenLines {
    let report: SyncReport

    /// Ends in a line feed, unless there is nothing to copy.
    var text: String {
        report.rows.filter { $0.status == .synced }.map { line($0) + "\n" }.joined()
    }

    private func line(_ row: SyncReport.Row) -> String {
        let source = "\(row.source)" + (row.sourceTag.map { ":\($0)" } ?? "")
        let target = "\(row.target)" + (row.targetTag.map { ":\($0)" } ?? "")
        let bytes = row.plannedBytes.map { ", \($0) bytes" } ?? ""
        return "would copy \(source) -> \(target) (\(row.reason ?? "absent"))\(bytes)".displaySafe(limit: 4096)
    }
}
