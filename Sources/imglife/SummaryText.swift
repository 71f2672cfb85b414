import OCI
import Sync

/// The summary of a run as a person reads it.
struct SummaryText {
    private static let width = 35

    let report: SyncReport
    let style: TextStyle
    /// How many tags are past their end of life, in one line.
    var lifecycle: String?
    /// What else went wrong, one line each; hooks for instance.
    var otherFailures: [String] = []

    /// Ends in a line feed.
    var text: String {
        let prefix = report.isDryRun ? "[dry-run] " : ""
        let lines =
            [
                style.bold("\(prefix)Sync Summary · \(Elapsed(report.duration))"),
                String(repeating: "─", count: Self.width),
                row("Mirror images managed", report.managed) { $0 },
                row("├─ Synced", report.synced, style.green),
                row("├─ Up-to-date", report.upToDate) { $0 },
                row("└─ Errors", report.errors, style.red),
                bytesLine,
            ] + lifecycleLine + failureLines
        return lines.joined(separator: "\n") + "\n"
    }

    private func row(_ label: String, _ count: Int, _ paint: (String) -> String) -> String {
        let number = String(count)
        let space = String(repeating: " ", count: max(1, Self.width - label.count - number.count))
        return label + space + (count > 0 ? paint(number) : number)
    }

    private var bytesLine: String {
        let bytes = report.bytes
        return "Downloaded \(ByteCount(bytes.downloaded)) · from cache \(ByteCount(bytes.cached)) · "
            + "mounted \(ByteCount(bytes.mounted)) · pushed \(ByteCount(bytes.pushed))"
    }

    private var lifecycleLine: [String] {
        lifecycle.map { [$0.displaySafe(limit: Self.lineLimit)] } ?? []
    }

    private var failureLines: [String] {
        let rows = report.rows.filter { $0.status == .failed }.map { row in
            let source = "\(row.source)" + (row.sourceTag.map { ":\($0)" } ?? "")
            let target = "\(row.target)" + (row.targetTag.map { ":\($0)" } ?? "")
            return "sync.entries[\(row.entry)] \(source) → \(target): \(row.reason ?? "failed")"
        }
        return (rows + otherFailures).map { style.red("✗") + " " + $0.displaySafe(limit: Self.lineLimit) }
    }

    /// A bound on what an error may say, far above what any does.
    private static let lineLimit = 4096
}
