import NIOCore

/// Finds the entries of an `index.json` one after the other, without building the document: it may hold millions.
struct LayoutScanner {
    private static let maximumDepth = 64

    private var bytes: LayoutBytes
    private var position = 0

    /// What ended the reading, if something did.
    var failure: SystemError? { bytes.failure }

    init(_ bytes: LayoutBytes) {
        self.bytes = bytes
    }

    /// Gives the text of each element of the top-level array `manifests`.
    ///
    /// - Returns: whether the document was read to its end, and is one.
    mutating func forEachEntry(_ body: (ByteBuffer) -> Void) -> Bool {
        guard skip("{") else { return false }
        var hasEntries = false
        if !skip("}") {
            repeat {
                guard let key = string(), skip(":") else { return false }
                if key == #""manifests""#, skip("[") {
                    guard !hasEntries, entries(body) else { return false }
                    hasEntries = true
                } else {
                    guard value() != nil else { return false }
                }
            } while skip(",")
            guard skip("}") else { return false }
        }
        skipSpace()
        return hasEntries && position == bytes.count
    }

    private mutating func entries(_ body: (ByteBuffer) -> Void) -> Bool {
        if skip("]") { return true }
        repeat {
            guard let range = value() else { return false }
            body(bytes.text(range))
        } while skip(",")
        return skip("]")
    }

    /// Passes over one value of any kind, by its brackets and texts alone.
    ///
    /// - Returns: where it stands; `nil` when it has no end, or is nested too deep.
    private mutating func value() -> Range<Int>? {
        skipSpace()
        let start = position
        var depth = 0
        repeat {
            skipSpace()
            guard let byte = peek else { return nil }
            switch byte {
            case UInt8(ascii: "\""):
                guard string() != nil else { return nil }
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                position += 1
                guard depth <= Self.maximumDepth else { return nil }
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                position += 1
                guard depth >= 0 else { return nil }
            case UInt8(ascii: ","), UInt8(ascii: ":"):
                guard depth > 0 else { return nil }
                position += 1
            default:
                guard word() else { return nil }
            }
        } while depth > 0
        return start..<position
    }

    /// - Returns: a text as it stands, with its quotes.
    private mutating func string() -> String? {
        skipSpace()
        let start = position
        guard peek == UInt8(ascii: "\"") else { return nil }
        position += 1
        while let byte = peek {
            position += 1
            if byte == UInt8(ascii: "\"") { return String(buffer: bytes.text(start..<position)) }
            if byte == UInt8(ascii: "\\") { position += 1 }
        }
        return nil
    }

    /// Passes over a number, `true`, `false` or `null`.
    private mutating func word() -> Bool {
        let start = position
        while let byte = peek, byte > 0x20, !#",:{}[]""#.utf8.contains(byte) { position += 1 }
        return position > start
    }

    private var peek: UInt8? { mutating get { bytes.byte(at: position) } }

    private mutating func skip(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        guard peek == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func skipSpace() {
        while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }
}
