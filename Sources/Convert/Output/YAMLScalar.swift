import OCI

extension CommentedYAML {
    /// A scalar as it can stand behind a key, quoted where a reader might take it for something else.
    static func quoted(_ text: String) -> String {
        isPlain(text) ? text : quotedAlways(text)
    }

    /// The same within `[…]`, where commas and brackets mean something.
    static func quotedInFlow(_ text: String) -> String {
        isPlain(text) && !text.utf8.contains(where: { ",[]{}".utf8.contains($0) }) ? text : quotedAlways(text)
    }

    private static func quotedAlways(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: \.isUnsafeToDisplay) else {
            return "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
        }
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case _ where scalar.isUnsafeToDisplay:
                let hex = String(scalar.value, radix: 16)
                result += "\\U" + String(repeating: "0", count: 8 - hex.count) + hex
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    /// Letters first, then what names and paths are made of, and nothing that YAML reads as a number, a boolean or null.
    private static func isPlain(_ text: String) -> Bool {
        guard let first = text.utf8.first, first.isNameByte || first == UInt8(ascii: "/"),
            text.utf8.last != UInt8(ascii: ":")
        else { return false }
        let words = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"]
        let isNumeric = text.utf8.allSatisfy { "0123456789._xXeE+-:".utf8.contains($0) }
        return !isNumeric && !words.contains(text.lowercased())
            && text.utf8.allSatisfy { $0.isNameByte || "._/:@+-*".utf8.contains($0) }
    }
}

extension UInt8 {
    /// An ASCII letter or digit.
    var isNameByte: Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self)
            || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20)
    }
}
