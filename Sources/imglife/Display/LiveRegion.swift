/// The lines at the bottom of a terminal that are rewritten in place, as the text that does so.
///
/// Between two texts the cursor stands, visible, at the start of the line below the region: a process that is killed
/// at any moment leaves a usable terminal behind. Within one text it is hidden.
struct LiveRegion {
    private static let hideCursor = "\u{1B}[?25l"
    private static let showCursor = "\u{1B}[?25h"
    private static let clearToLineEnd = "\u{1B}[K"
    private static let clearBelow = "\u{1B}[J"

    private var shown: [String] = []
    /// Whether what was written last did not end its line.
    private var isMidLine = false

    /// Puts other lines in the place of those that are shown; the last column stays free, so that nothing wraps.
    ///
    /// - Returns: `nil` when the screen would stay as it is.
    mutating func replace(with lines: [String], columns: Int) -> String? {
        let lines = lines.map { Self.cut($0, columns: columns) }
        guard lines != shown else { return nil }
        let start = isMidLine ? "\n" : goToTop(columns: columns)
        isMidLine = false
        shown = lines
        let body = lines.map { $0 + Self.clearToLineEnd + "\n" }.joined()
        return Self.hideCursor + start + body + Self.clearBelow + Self.showCursor
    }

    /// Writes text above the region, which moves down.
    mutating func insert(_ text: String, columns: Int) -> String {
        guard !shown.isEmpty else {
            if let last = text.utf8.last { isMidLine = last != UInt8(ascii: "\n") }
            return text
        }
        let start = goToTop(columns: columns)
        shown = shown.map { Self.cut($0, columns: columns) }
        let ended = text.utf8.last == UInt8(ascii: "\n") ? text : text + "\n"
        let body = shown.map { $0 + "\n" }.joined()
        return Self.hideCursor + start + Self.clearBelow + ended + body + Self.showCursor
    }

    private func goToTop(columns: Int) -> String {
        let rows = shown.reduce(0) { $0 + Self.rows(of: $1, columns: columns) }
        return rows > 0 ? "\r\u{1B}[\(rows)A" : ""
    }

    /// How many rows a line takes after the terminal has become narrower and has folded it.
    private static func rows(of line: String, columns: Int) -> Int {
        max(1, (line.unicodeScalars.count + columns - 1) / max(1, columns))
    }

    private static func cut(_ line: String, columns: Int) -> String {
        String(String.UnicodeScalarView(line.unicodeScalars.prefix(max(0, columns - 1))))
    }
}
