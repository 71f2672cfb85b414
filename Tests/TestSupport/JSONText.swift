/// JSON text with members in the order in which they are written.
package enum JSONText {
    /// A string literal.
    package static func string(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case _ where scalar.value < 0x20:
                let hex = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    /// An object; members without a value are left out.
    package static func object(_ members: KeyValuePairs<String, String?>) -> String {
        "{" + members.compactMap { key, value in value.map { "\(string(key)):\($0)" } }.joined(separator: ",") + "}"
    }

    /// An object of strings, sorted by name; `nil` when there are none.
    package static func strings(_ members: [String: String]) -> String? {
        guard !members.isEmpty else { return nil }
        let sorted = members.sorted { $0.key < $1.key }
        return "{" + sorted.map { "\(string($0.key)):\(string($0.value))" }.joined(separator: ",") + "}"
    }

    /// An array of JSON values.
    package static func array(_ values: some Sequence<String>) -> String {
        "[" + values.joined(separator: ",") + "]"
    }
}
