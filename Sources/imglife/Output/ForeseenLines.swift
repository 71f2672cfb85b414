import OCI
import Sync

/// What a dry run found that a run would copy, a line for each tag, and more where one is too narrow.
struct ForeseenLines {
    /// So many lines a person is shown on a terminal.
    private static let shownLines = 24
    private static let arrow = " -> "

    let report: SyncReport
    /// A terminal's width, for which repositories are cut and long lists end early; `nil` for whoever reads all of it.
    var columns: Int?

    /// Ends in a line feed, unless there is nothing to copy.
    var text: String {
        let rows = report.rows.filter { $0.status == .synced }
        guard let columns else { return rows.map { whole($0) + "\n" }.joined() }
        var lines: [String] = []
        for (index, row) in rows.enumerated() {
            let more = fitted(row, columns)
            guard lines.count + more.count <= Self.shownLines else {
                lines.append("and \(rows.count - index) more tags: '--output json' or a pipe tells all")
                break
            }
            lines += more
        }
        return lines.map { $0 + "\n" }.joined()
    }

    private func whole(_ row: SyncReport.Row) -> String {
        let (source, target) = (Image(row.source, row.sourceTag), Image(row.target, row.targetTag))
        return "would copy " + source.whole + Self.arrow + target.whole + end(row)
    }

    private func end(_ row: SyncReport.Row) -> String {
        let bytes = row.plannedBytes.map { ", \($0) bytes" } ?? ""
        return " (\(row.reason ?? "absent"))\(bytes)".displaySafe(limit: 4096)
    }

    /// One line where both tags can be read in it, else two or three.
    private func fitted(_ row: SyncReport.Row, _ columns: Int) -> [String] {
        let (start, end) = ("would copy ", end(row))
        let (source, target) = (Image(row.source, row.sourceTag), Image(row.target, row.targetTag))
        let room = columns - start.count - Self.arrow.count - end.count
        if room >= source.least + target.least {
            // What one name leaves the other may have.
            let most = max(room / 2, room - target.whole.count, source.least)
            let shown = source.cut(min(most, room - target.least))
            return [start + shown + Self.arrow + target.cut(room - shown.unicodeScalars.count) + end]
        }
        let indent = String(repeating: " ", count: start.count)
        let second = indent.dropLast(Self.arrow.count - 1) + Self.arrow.dropFirst()
        let names = source.lines(columns, after: start, indent)
        guard columns - second.count - end.count >= target.least else {
            return names + target.lines(columns, after: String(second), indent)
                + [ColumnText.cutEnd(indent + end.dropFirst(), columns)]
        }
        return names + [second + target.cut(columns - second.count - end.count) + end]
    }

    /// An image's name, whose tag is what tells it from the others.
    private struct Image {
        private let repository: String
        private let tag: String

        init(_ repository: RepositoryReference, _ tag: TagName?) {
            self.repository = repository.description
            self.tag = tag.map { ":\($0)" } ?? ""
        }

        var whole: String { repository + tag }

        /// How many columns it takes at least to be told from others.
        var least: Int { min(repository.count, 12) + tag.count }

        /// Cut in the repository, to at least ``least`` columns.
        func cut(_ columns: Int) -> String { ColumnText.cut(repository, columns - tag.count) + tag }

        /// One line, or more where the tag takes them.
        func lines(_ columns: Int, after start: String, _ indent: String) -> [String] {
            let room = columns - start.count
            guard room <= tag.count + 1 else { return [start + cut(room)] }
            let pieces = FoldedText.lines(tag, columns: columns - indent.count)
            return [start + ColumnText.cut(repository, room)] + pieces.map { indent + $0 }
        }
    }
}
