import OCI
import Sync

/// The summary of a run as a person reads it.
struct SummaryText {
    private static let width = 35

    let report: SyncReport
    let style: TextStyle

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
            ] + [bytesLine] + failureLines
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

    private var failureLines: [String] {
        report.rows.filter { $0.status == .failed }.map { row in
            let tags = (row.sourceTag.map { ":\($0)" } ?? "", row.targetTag.map { ":\($0)" } ?? "")
            return style.red("✗") + " \(row.source)\(tags.0) → \(row.target)\(tags.1): \(row.reason ?? "failed")"
        }
    }
}

/// A length of time as the summary's header shows it: `4.2s`, `3m07s`, `2h05m`.
struct Elapsed: CustomStringConvertible {
    let description: String

    init(_ duration: Duration) {
        let (whole, attoseconds) = duration.components
        let tenths = whole * 10 + (attoseconds + 50_000_000_000_000_000) / 100_000_000_000_000_000
        let seconds = (tenths + 5) / 10
        func padded(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
        description =
            switch tenths {
            case ..<600: "\(tenths / 10).\(tenths % 10)s"
            case ..<36_000: "\(seconds / 60)m\(padded(seconds % 60))s"
            default: "\(seconds / 3600)h\(padded(seconds / 60 % 60))m"
            }
    }
}

/// A number of bytes in binary units: `512 B`, `3.4 MiB`.
struct ByteCount: CustomStringConvertible {
    let description: String

    init(_ bytes: Int64) {
        var tenths = bytes * 10
        var unit = 0
        let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
        while tenths >= 10_240, unit < units.count - 1 {
            tenths = (tenths + 512) / 1024
            unit += 1
        }
        description = unit == 0 ? "\(bytes) B" : "\(tenths / 10).\(tenths % 10) \(units[unit])"
    }
}
