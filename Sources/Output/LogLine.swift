import OCI

/// One line of a log, as text or as JSON: what happened, then fields.
///
/// Whoever makes tens of thousands of lines a second makes them with this directly.
package struct LogLine {
    package enum Format: Sendable {
        /// `key=value`, with quotes where a value needs them.
        case text
        case json
    }

    /// Longer values are cut in text, in characters.
    private static let longestValue = 1024

    /// Most messages are shorter, in columns.
    private static let messageColumns = 24
    /// Columns begin at whole multiples.
    private static let stop = 8

    private let format: Format
    private var text: String
    /// Where fields are in columns, what the last of them, or the message, takes, and is given at least.
    private var last: (used: Int, least: Int)?

    /// Begins with what stands before the fields: `2026-11-26T12:00:00Z INFO answered`, or an object that is still open.
    ///
    /// Where a person reads it, fields are in columns behind the message that it ends with.
    package init(_ format: Format, _ beginning: String, columnsAfter message: String? = nil) {
        self.format = format
        last = message.map { ($0.unicodeScalars.count, Self.messageColumns) }
        text = ""
        text.reserveCapacity(384)
        text += beginning
    }

    /// Appends a field; whatever its value holds, the line stays one line and shows no control characters.
    package mutating func add(_ key: String, _ value: String) {
        switch format {
        case .text:
            text += " "
            if let last {
                let used = last.used + 1
                let filled = max(last.least, (used + Self.stop - 1) / Self.stop * Self.stop)
                text += String(repeating: " ", count: filled - used)
            }
            let start = text.endIndex
            text += key
            text += "="
            text += Self.isPlain(value) ? value : Self.shown(value)
            if last != nil { last = (text[start...].unicodeScalars.count, 0) }
        case .json:
            text += ",\""
            text += key
            text += "\":"
            text += JSONText.quoted(value)
        }
    }

    /// The whole line with its end.
    package consuming func finished() -> String {
        text += format == .json ? "}\n" : "\n"
        return text
    }

    private static func isPlain(_ value: String) -> Bool {
        var value = value
        return value.withUTF8 { bytes in
            !bytes.isEmpty && bytes.count <= longestValue
                && bytes.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") }
        }
    }

    private static func shown(_ value: String) -> String {
        let text = value.displaySafe(limit: longestValue)
        guard text.isEmpty || text.utf8.contains(where: { $0 == 0x20 || $0 == 0x22 }) else { return text }
        return "\"\(text.replacing("\"", with: "\\\""))\""
    }
}
