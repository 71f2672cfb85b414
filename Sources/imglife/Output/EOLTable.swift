import Lifecycle
import OCI

/// The lifecycle report as text: a line a tag, columns aligned, safe to show.
struct EOLTable: CustomStringConvertible {
    /// The image's column is never narrower, whatever the width.
    static let minimumImageWidth = 20

    /// Header and rows, then a note on stale data if there is any; a newline ends each line.
    ///
    /// Empty where there are no rows.
    let description: String

    /// - Parameters:
    ///   - report: what to show.
    ///   - width: the terminal's, in characters; longer image names lose their beginning, since the tag tells more than
    ///     the host. `nil` cuts nothing.
    ///   - unanswered: products of which nothing is known, because the service did not answer.
    init(_ report: EOLReport, width: Int? = nil, unanswered: Set<String> = []) {
        guard !report.rows.isEmpty else {
            description = ""
            return
        }
        var cells = [["IMAGE", "CYCLE", "END OF LIFE", "DAYS LEFT", "NEWEST"]]
        cells += report.rows.map { Self.cells($0, isAnswered: !unanswered.contains($0.status.product)) }
        var widths = cells[0].indices.map { column in cells.map { $0[column].count }.max() ?? 0 }
        if let width {
            let others = widths.dropFirst().reduce(0) { $0 + $1 + 2 }
            widths[0] = min(widths[0], max(Self.minimumImageWidth, width - others))
        }
        var text = cells.map { Self.line($0, widths) + "\n" }.joined()
        if report.rows.contains(where: \.status.isStale) {
            text += "* from the last copy, because newer data could not be fetched\n"
        }
        description = text
    }

    private static func cells(_ row: EOLReport.Row, isAnswered: Bool) -> [String] {
        let status = row.status
        let newest = status.newest.map { status.isNewestInCycle == true ? "\($0) (this)" : $0 } ?? "-"
        return [
            "\(row.target):\(status.tag)".displaySafe(limit: 512),
            (status.cycle ?? "-").displaySafe,
            isAnswered ? endOfLife(status) + (status.isStale ? "*" : "") : "no answer",
            status.daysLeft.map(String.init) ?? "-",
            newest.displaySafe,
        ]
    }

    private static func endOfLife(_ status: LifecycleStatus) -> String {
        switch (status.state, status.endOfLife) {
        case (_, .date(let date)): date.description
        case (_, .ended): "ended"
        case (_, .notEnded): "not yet"
        case (.unknownProduct, _): "unknown product"
        case (.unknownCycle, _): "unknown cycle"
        case (.noVersion, _): "no version"
        default: "unknown"
        }
    }

    private static func line(_ cells: [String], _ widths: [Int]) -> String {
        let image = cells[0].count > widths[0] ? "…" + cells[0].suffix(widths[0] - 1) : cells[0]
        let padded = ([image] + cells.dropFirst()).enumerated().map { column, text in
            let space = String(repeating: " ", count: widths[column] - text.count)
            return column == 3 ? space + text : text + space
        }
        let line = padded.joined(separator: "  ")
        return String(line.prefix(line.count - line.reversed().prefix { $0 == " " }.count))
    }
}
