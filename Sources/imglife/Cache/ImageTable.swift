import Cache
import OCI

/// The table of `imglife cache ls`: every line says all, figures stand on the right.
struct ImageTable {
    private static let digestLength = 12
    /// What a terminal's width leaves of platforms, then of names, then of platforms again, at least.
    private static let minimumPlatforms = 11
    private static let minimumName = "IMAGE".count
    private static let leastPlatforms = 3

    private let hasDigests: Bool
    /// The terminal's, in characters; `nil` cuts nothing.
    private let columns: Int?
    private var widths: [Int] = []
    private var isBegun = false
    /// Whether there is anything below the header.
    private(set) var hasLines = false

    init(hasDigests: Bool, columns: Int?) {
        self.hasDigests = hasDigests
        self.columns = columns
    }

    /// Some more lines; the header stands above the first, and columns never become narrower.
    mutating func text(_ images: [NamedImage]) -> String {
        let header = ["IMAGE"] + (hasDigests ? ["DIGEST"] : []) + ["UNIQUE", "SHARED", "USED", "PLATFORMS"]
        let rows = (isBegun ? [] : [header]) + images.map(cells)
        if !isBegun { widths = header.map(\.count) }
        isBegun = true
        if !images.isEmpty { hasLines = true }
        for row in rows { widths = zip(widths, row).map { max($0, $1.unicodeScalars.count) } }
        let shown = shownWidths
        return rows.map { line($0, shown) + "\n" }.joined()
    }

    private func cells(_ row: NamedImage) -> [String] {
        let platforms = row.image.platforms.map { "\($0)".displaySafe }.joined(separator: ",")
        let digest = row.image.descriptor.digest
        // Where nobody reads along it is whole.
        let shown = columns == nil ? digest.description : "\(digest.algorithm):\(digest.hex.prefix(Self.digestLength))"
        return [row.name.description] + (hasDigests ? [shown] : []) + [
            "\(ByteCount(row.image.uniqueBytes))", "\(ByteCount(row.image.sharedBytes))",
            Timestamp(secondsSince1970: row.image.lastUse).day, platforms.isEmpty ? "-" : platforms,
        ]
    }

    /// Platforms give way first, then names; a name that is longer than its column has a line of its own.
    private var shownWidths: [Int] {
        guard let columns else { return widths }
        var shown = widths
        let last = shown.count - 1
        func excess() -> Int { max(0, shown.reduce(0, +) + 2 * last - columns) }
        shown[last] -= min(excess(), max(0, shown[last] - Self.minimumPlatforms))
        shown[0] -= min(excess(), max(0, shown[0] - Self.minimumName))
        shown[last] -= min(excess(), max(0, shown[last] - Self.leastPlatforms))
        return shown
    }

    private func line(_ cells: [String], _ widths: [Int]) -> String {
        guard let columns, cells[0].unicodeScalars.count > widths[0] else { return figures(cells, widths) }
        let name = FoldedText.lines(cells[0], columns: columns).joined(separator: "\n")
        return name + "\n" + figures([""] + cells.dropFirst(), widths)
    }

    private func figures(_ cells: [String], _ widths: [Int]) -> String {
        cells.enumerated().map { column, text in
            switch column {
            case 0: ColumnText.fitted(text, widths[0])
            case cells.count - 1: ColumnText.cutEnd(text, widths[column])
            case 1 where hasDigests, cells.count - 2: ColumnText.fitted(text, widths[column])
            default: ColumnText.right(text, widths[column])
            }
        }.joined(separator: "  ")
    }
}
