import OCI
import Sync

/// One tag that was copied, as a line above the bars: `✓ alpine:3.21  4bcff63911fc  29.1 MiB in 4.2s`.
struct FinishedLine {
    let finished: SyncProgress.Finished

    func text(columns: Int) -> String {
        let row = finished.row
        let digest = row.digest.map { "  \($0.short)" } ?? ""
        let bytes = row.bytes.pushed + row.bytes.mounted
        let time = row.duration.map { " in \(Elapsed($0))" } ?? ""
        let rest = "\(digest)  \(ByteCount(bytes))\(time)"
        let lines = FoldedText.lines(finished.name + rest, columns: columns - 2)
        return "✓ " + lines.joined(separator: "\n  ")
    }
}
