/// A terminal small enough to trust: it understands what the live display writes, and nothing else.
struct Screen {
    let columns: Int
    let rows: Int
    /// What has scrolled off the top.
    private(set) var history: [String] = []
    private(set) var isCursorVisible = true
    /// Whether a character was ever written behind the last column.
    private(set) var hasWrapped = false
    /// Sequences that it does not know.
    private(set) var unknown: [String] = []
    private var cells: [[Unicode.Scalar]]
    private var row = 0
    private var column = 0

    init(columns: Int, rows: Int) {
        self.columns = columns
        self.rows = rows
        cells = Array(repeating: [], count: rows)
    }

    /// The lines from the first that scrolled away to the last that is not empty.
    var lines: [String] {
        var lines = history + cells.map(Self.text)
        while lines.last?.isEmpty == true { lines.removeLast() }
        return lines
    }

    var cursor: [Int] { [row, column] }

    mutating func write(_ text: String) {
        var rest = text.unicodeScalars[...]
        while let scalar = rest.popFirst() {
            switch scalar {
            case "\n": lineFeed()
            case "\r": column = 0
            case "\u{1B}": escape(&rest)
            default: put(scalar)
            }
        }
    }

    private mutating func put(_ scalar: Unicode.Scalar) {
        if column >= columns {
            hasWrapped = true
            lineFeed()
        }
        while cells[row].count <= column { cells[row].append(" ") }
        cells[row][column] = scalar
        column += 1
    }

    private mutating func lineFeed() {
        column = 0
        row += 1
        guard row == rows else { return }
        history.append(Self.text(cells.removeFirst()))
        cells.append([])
        row -= 1
    }

    private mutating func escape(_ rest: inout Substring.UnicodeScalarView) {
        var sequence = ""
        while let scalar = rest.popFirst() {
            sequence.unicodeScalars.append(scalar)
            if scalar.properties.isAlphabetic { break }
        }
        switch sequence {
        case "[K": cells[row] = Array(cells[row].prefix(column))
        case "[J":
            cells[row] = Array(cells[row].prefix(column))
            for below in (row + 1)..<max(rows, row + 1) { cells[below] = [] }
        case "[?25l": isCursorVisible = false
        case "[?25h": isCursorVisible = true
        default:
            guard sequence.hasPrefix("["), sequence.hasSuffix("A"), let count = Int(sequence.dropFirst().dropLast())
            else { return unknown.append(sequence) }
            row = max(0, row - count)
        }
    }

    private static func text(_ cells: [Unicode.Scalar]) -> String {
        var text = String(String.UnicodeScalarView(cells))
        while text.last == " " { text.removeLast() }
        return text
    }
}
