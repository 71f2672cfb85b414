/// A recursive-descent parser whose depth is bounded.
struct JSONParser {
    let bytes: [UInt8]
    var position = 0
    var valueCount = 0

    mutating func document() throws(DocumentError) -> JSONValue {
        let value = try value(depth: 0)
        skipSpace()
        guard position == bytes.count else { throw error("unexpected bytes after the document's end") }
        return value
    }

    private mutating func value(depth: Int) throws(DocumentError) -> JSONValue {
        valueCount += 1
        guard valueCount <= JSONValue.maximumValues else {
            throw DocumentError(.tooLarge, "JSON with more than \(JSONValue.maximumValues) values")
        }
        skipSpace()
        let start = position
        let content: JSONValue.Content
        switch peek {
        case UInt8(ascii: "{"):
            content = .object(try members(depth: depth + 1))
        case UInt8(ascii: "["): content = .array(try elements(depth: depth + 1))
        case UInt8(ascii: "\""): content = .string(try string())
        case UInt8(ascii: "t"): content = try literal("true", .bool(true))
        case UInt8(ascii: "f"): content = try literal("false", .bool(false))
        case UInt8(ascii: "n"): content = try literal("null", .null)
        case nil: throw error("the document ends too early")
        case let byte? where byte.isDigit || byte == UInt8(ascii: "-"): content = .number(try number())
        default: throw error("unexpected character")
        }
        return JSONValue(content: content, range: start..<position)
    }

    private mutating func members(depth: Int) throws(DocumentError) -> [JSONValue.Member] {
        try checkDepth(depth)
        var members: [JSONValue.Member] = []
        var keys: Set<KeyBytes> = []
        position += 1
        skipSpace()
        if skip("}") { return members }
        repeat {
            skipSpace()
            guard peek == UInt8(ascii: "\"") else { throw error("expected a key") }
            let key = try string()
            guard keys.insert(KeyBytes(key: key)).inserted else {
                throw error("the key '\(key.displaySafe)' stands twice")
            }
            skipSpace()
            guard skip(":") else { throw error("expected ':'") }
            members.append(.init(key: key, value: try value(depth: depth)))
            skipSpace()
        } while skip(",")
        guard skip("}") else { throw error("expected ',' or '}'") }
        return members
    }

    private mutating func elements(depth: Int) throws(DocumentError) -> [JSONValue] {
        try checkDepth(depth)
        var elements: [JSONValue] = []
        position += 1
        skipSpace()
        if skip("]") { return elements }
        repeat {
            elements.append(try value(depth: depth))
            skipSpace()
        } while skip(",")
        guard skip("]") else { throw error("expected ',' or ']'") }
        return elements
    }

    private func checkDepth(_ depth: Int) throws(DocumentError) {
        guard depth <= JSONValue.maximumDepth else {
            throw DocumentError(.tooLarge, "JSON nested deeper than \(JSONValue.maximumDepth) levels")
        }
    }

    private mutating func literal(
        _ text: StaticString,
        _ content: JSONValue.Content
    ) throws(DocumentError) -> JSONValue.Content {
        for index in 0..<text.utf8CodeUnitCount {
            guard peek == text.utf8Start[index] else { throw error("unexpected character") }
            position += 1
        }
        return content
    }

    private mutating func number() throws(DocumentError) -> String {
        let start = position
        _ = skip("-")
        if !skip("0") { try digits() }
        if skip(".") { try digits() }
        if skip("e") || skip("E") {
            _ = skip("+") || skip("-")
            try digits()
        }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private mutating func digits() throws(DocumentError) {
        guard let first = peek, first.isDigit else { throw error("expected a digit") }
        while let next = peek, next.isDigit { position += 1 }
    }
}

extension JSONParser {
    private mutating func string() throws(DocumentError) -> String {
        position += 1
        var text: [UInt8] = []
        while let byte = peek {
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                guard let string = String(validating: text, as: UTF8.self) else { throw error("text is not UTF-8") }
                return string
            case UInt8(ascii: "\\"):
                position += 1
                text.append(contentsOf: String(try escape()).utf8)
            case 0..<0x20:
                throw error("a control character stands unescaped in a text")
            default:
                text.append(byte)
                position += 1
            }
        }
        throw error("a text does not end")
    }

    private mutating func escape() throws(DocumentError) -> Unicode.Scalar {
        guard let byte = peek else { throw error("a text does not end") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return try unicodeEscape()
        default: throw error("unknown escape")
        }
    }

    private mutating func unicodeEscape() throws(DocumentError) -> Unicode.Scalar {
        let first = try hexUnit()
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard (0xD800..<0xDC00).contains(first), skip("\\"), skip("u") else { throw error("a lone surrogate") }
        let second = try hexUnit()
        guard (0xDC00..<0xE000).contains(second),
            let scalar = Unicode.Scalar(0x10000 + (UInt32(first) - 0xD800) << 10 + UInt32(second) - 0xDC00)
        else { throw error("a lone surrogate") }
        return scalar
    }

    private mutating func hexUnit() throws(DocumentError) -> UInt16 {
        guard position + 4 <= bytes.count else { throw error("a text does not end") }
        var unit: UInt16 = 0
        for byte in bytes[position..<position + 4] {
            let lowered = (UInt8(ascii: "A")...UInt8(ascii: "F")).contains(byte) ? byte + 32 : byte
            guard let value = lowered.lowerHexValue else { throw error("expected four hexadecimal digits") }
            unit = unit << 4 | UInt16(value)
        }
        position += 4
        return unit
    }

    private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard peek == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func skipSpace() {
        while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    private func error(_ reason: String) -> DocumentError {
        DocumentError(.syntax, "not valid JSON at byte \(position): \(reason)")
    }
}

/// A key compared by its bytes, as other readers do; `String` takes canonically equivalent texts for the same.
private struct KeyBytes: Hashable {
    let key: String

    static func == (left: KeyBytes, right: KeyBytes) -> Bool {
        left.key.utf8.elementsEqual(right.key.utf8)
    }

    func hash(into hasher: inout Hasher) {
        var key = key
        key.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}
