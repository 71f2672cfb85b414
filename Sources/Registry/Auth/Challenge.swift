/// One challenge of a `WWW-Authenticate` header.
///
/// RFC 9110, 11.6.1; the bearer parameters are those of the distribution project's token specification.
struct Challenge: Hashable, Sendable {
    /// Lower case.
    let scheme: String
    /// Names in lower case; the first of two equal names counts.
    let parameters: [String: String]

    /// All challenges of all header fields, in order.
    ///
    /// Several fields, several challenges in one field, and quoted strings with commas are understood. What cannot be
    /// read ends that field; what came before it counts.
    static func parse(_ fields: [String]) -> [Challenge] {
        fields.prefix(16).flatMap { field in
            var parser = ChallengeParser(bytes: Array(field.utf8.prefix(16_384)))
            return parser.challenges()
        }
    }
}

private struct ChallengeParser {
    let bytes: [UInt8]
    var position = 0

    mutating func challenges() -> [Challenge] {
        var result: [Challenge] = []
        while true {
            skipSeparators()
            guard let scheme = token() else { return result }
            skipSpaces()
            result.append(Challenge(scheme: scheme.lowercased(), parameters: parameters()))
        }
    }

    /// Reads `name=value` pairs up to the next scheme or the end.
    private mutating func parameters() -> [String: String] {
        var result: [String: String] = [:]
        while true {
            let start = position
            skipSeparators()
            guard let name = token() else {
                position = bytes.count
                return result
            }
            skipSpaces()
            guard skip(UInt8(ascii: "=")) else {
                // A token without `=` is the next challenge's scheme, or a token68 that says nothing to us.
                position = start
                return result
            }
            skipSpaces()
            guard let value = peek == UInt8(ascii: "\"") ? quoted() : token() else {
                // The padding of a token68.
                position = bytes[position...].firstIndex(of: UInt8(ascii: ",")) ?? bytes.count
                return result
            }
            if result[name.lowercased()] == nil { result[name.lowercased()] = value }
            skipSpaces()
        }
    }

    private mutating func token() -> String? {
        let start = position
        while let byte = peek, byte.isToken { position += 1 }
        return position > start ? String(decoding: bytes[start..<position], as: UTF8.self) : nil
    }

    private mutating func quoted() -> String? {
        position += 1
        var text: [UInt8] = []
        while let byte = peek {
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return String(validating: text, as: UTF8.self)
            case UInt8(ascii: "\\"):
                guard let escaped = peek else { return nil }
                text.append(escaped)
                position += 1
            default: text.append(byte)
            }
        }
        return nil
    }

    private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skip(_ byte: UInt8) -> Bool {
        guard peek == byte else { return false }
        position += 1
        return true
    }

    private mutating func skipSpaces() {
        while let byte = peek, byte == 0x20 || byte == 0x09 { position += 1 }
    }

    private mutating func skipSeparators() {
        while let byte = peek, byte == 0x20 || byte == 0x09 || byte == UInt8(ascii: ",") { position += 1 }
    }
}

extension UInt8 {
    /// RFC 9110's `tchar`, and the characters that registries leave unquoted in realms and scopes.
    fileprivate var isToken: Bool {
        isLetterOrDigit || "!#$%&'*+-.^_`|~:/?@".utf8.contains(self)
    }
}
