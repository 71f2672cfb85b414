/// Text as a JSON string.
package enum JSONText {
    /// The text in quotes; control and direction characters are escaped, so a terminal can show it too.
    package static func quoted(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy { (0x20..<0x7F).contains($0) && $0 != 0x22 && $0 != 0x5C }
        if isPlain { return "\"\(text)\"" }
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            default:
                if scalar.isUnsafeToDisplay {
                    for unit in String(scalar).utf16 { result += escaped(unit) }
                } else {
                    result.unicodeScalars.append(scalar)
                }
            }
        }
        return result + "\""
    }

    /// A document with its control and direction characters escaped, but for the line feeds between its values.
    ///
    /// In JSON such characters can stand within strings alone.
    package static func escapingUnsafe(_ document: String) -> String {
        guard document.unicodeScalars.contains(where: { $0 != "\n" && $0.isUnsafeToDisplay }) else { return document }
        return document.unicodeScalars.map { scalar in
            scalar != "\n" && scalar.isUnsafeToDisplay
                ? String(scalar).utf16.map(escaped).joined() : String(scalar)
        }.joined()
    }

    private static func escaped(_ unit: UInt16) -> String {
        let digits = String(unit, radix: 16)
        return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    }
}
