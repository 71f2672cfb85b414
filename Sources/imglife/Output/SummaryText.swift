import OCI
import Sync

/// The summary of a run as a person reads it.
struct SummaryText {
    private static let width = 35

    let report: SyncReport
    let style: TextStyle
    /// How many tags are past their end of life, in one line.
    var lifecycle: String?
    /// What had not ended when the run was stopped; `nil` for a run that was not.
    var unfinished: Unfinished?
    /// A terminal's width, for whoever wants to see no more than fits; `nil` cuts and folds nothing.
    var columns: Int?

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
            ] + hookLine + notes.flatMap { FoldedText.lines($0, columns: columns) } + failureLines
        return lines.joined(separator: "\n") + "\n"
    }

    private func row(_ label: String, _ count: Int, _ paint: (String) -> String) -> String {
        let number = String(count)
        let space = String(repeating: " ", count: max(1, Self.width - label.count - number.count))
        return label + space + (count > 0 ? paint(number) : number)
    }

    private var notes: [String] { [bytesLine] + unfinishedLine + lifecycleLine }

    private var bytesLine: String {
        let bytes = report.bytes
        return "Downloaded \(ByteCount(bytes.downloaded)) · from cache \(ByteCount(bytes.cached)) · "
            + "mounted \(ByteCount(bytes.mounted)) · pushed \(ByteCount(bytes.pushed))"
    }

    private var lifecycleLine: [String] {
        lifecycle.map { [$0.displaySafe(limit: Self.lineLimit)] } ?? []
    }

    private var hookLine: [String] {
        report.hookErrors > 0 ? [row("Hook errors", report.hookErrors, style.red)] : []
    }

    private var unfinishedLine: [String] {
        unfinished.map { ["Interrupted: \($0); the next run goes on"] } ?? []
    }

    private var failureLines: [String] {
        FailureGroups(report.rows, isOnTerminal: columns != nil).lines.flatMap { marked($0, style.red("✗")) }
            + report.hooks.map(\.outcome).filter(\.isFailure).flatMap { hook in
                hook.isError
                    ? marked("\(hook)", style.red("✗"))
                    : marked("\(hook) (ignored: continue_on_error)", style.yellow("!"))
            }
    }

    private func marked(_ line: String, _ mark: String) -> [String] {
        let shown = columns == nil ? line : LogStyle.withShortDigests(line)
        let lines = FoldedText.lines(shown.displaySafe(limit: Self.lineLimit), columns: columns.map { $0 - 2 })
        return ["\(mark) \(lines[0])"] + lines.dropFirst().map { "  \($0)" }
    }

    /// A bound on what an error may say, far above what any does.
    private static let lineLimit = 65_536

    /// What a run that was stopped has left to do.
    struct Unfinished: CustomStringConvertible {
        let tags: Int
        /// Those whose tags are not known.
        let entries: Int

        var description: String {
            let parts = [(tags, "tag", "tags"), (entries, "entry", "entries")].filter { $0.0 > 0 }
            guard !parts.isEmpty else { return "all tags are finished, hooks are not" }
            return parts.map { "\($0.0) \($0.0 == 1 ? $0.1 : $0.2)" }.joined(separator: " and ") + " not finished"
        }
    }
}
