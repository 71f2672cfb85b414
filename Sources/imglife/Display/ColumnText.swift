/// Text that takes a known number of a terminal's columns.
enum ColumnText {
    /// A name cut in the middle, or filled up with blanks, to just this many columns.
    ///
    /// Names are ASCII by their grammar; anything else would have a width that only the terminal knows, and is `?`.
    static func fitted(_ name: String, _ columns: Int) -> String {
        let text = cut(name, columns)
        return text + String(repeating: " ", count: max(0, columns - text.unicodeScalars.count))
    }

    /// A name cut in the middle to at most this many columns.
    static func cut(_ name: String, _ columns: Int) -> String {
        let scalars = name.unicodeScalars.map { (0x20..<0x7F).contains($0.value) ? Character($0) : "?" }
        guard scalars.count > columns else { return String(scalars) }
        guard columns > 1 else { return columns == 1 ? "…" : "" }
        let head = columns / 2
        return String(scalars.prefix(head)) + "…" + String(scalars.suffix(columns - 1 - head))
    }

    /// Filled up with blanks on the left.
    static func right(_ text: String, _ columns: Int) -> String {
        String(repeating: " ", count: max(0, columns - text.unicodeScalars.count)) + text
    }

    /// Text cut at its end to at most this many columns.
    static func cutEnd(_ text: String, _ columns: Int) -> String {
        let scalars = text.unicodeScalars
        guard scalars.count > columns else { return text }
        return columns > 0 ? String(String.UnicodeScalarView(scalars.prefix(columns - 1))) + "…" : ""
    }
}
