import Cache
import OCI

/// The table of `imglife cache ls`: every line says all, figures stand on the right.
struct ImageTable {
    private static let digestLength = 12
    /// What a terminal's width leaves of names and platforms at least.
    private static let minimumName = 20
    private static let minimumPlatforms = 11

    private let hasDigests: Bool
    /// The terminal's, in characters; `nil` cuts nothing.
    private let columns: Int?
    private var widths: [Int] = []
    private(set) var isBegun = false

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

    /// Platforms give way first, then names.
    private var shownWidths: [Int] {
        guard let columns else { return widths }
        var shown = widths
        let last = shown.count - 1
        func excess() -> Int { max(0, shown.reduce(0, +) + 2 * last - columns) }
        shown[last] -= min(excess(), max(0, shown[last] - Self.minimumPlatforms))
        shown[0] -= min(excess(), max(0, shown[0] - Self.minimumName))
        return shown
    }

    private func line(_ cells: [String], _ widths: [Int]) -> String {
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
