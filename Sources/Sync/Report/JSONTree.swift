import OCI

/// A JSON text in the making; the members of an object keep their order.
indirect enum JSONTree {
    case object([(key: String, value: JSONTree)])
    case array([JSONTree])
    case string(String)
    case integer(Int64)
    /// Seconds with three decimals.
    case seconds(Duration)
    case bool(Bool)
    case null

    /// The text or, when there is none, `null`.
    static func optional(_ text: (some CustomStringConvertible)?) -> JSONTree {
        text.map { .string($0.description) } ?? .null
    }

    /// The whole text, indented by two blanks a level, with a line feed at the end.
    var text: String {
        var result = ""
        write(to: &result, indent: "\n")
        return result + "\n"
    }

    private func write(to result: inout String, indent: String) {
        switch self {
        case .object(let members):
            Self.write(members, between: ("{", "}"), to: &result, indent: indent) { member, result, indent in
                result += JSONText.quoted(member.key) + ": "
                member.value.write(to: &result, indent: indent)
            }
        case .array(let elements):
            Self.write(elements, between: ("[", "]"), to: &result, indent: indent) { element, result, indent in
                element.write(to: &result, indent: indent)
            }
        case .string(let text): result += JSONText.quoted(text)
        case .integer(let number): result += String(number)
        case .seconds(let duration): result += Self.decimal(duration)
        case .bool(let flag): result += flag ? "true" : "false"
        case .null: result += "null"
        }
    }

    private static func write<Element>(
        _ elements: [Element],
        between brackets: (String, String),
        to result: inout String,
        indent: String,
        _ writeElement: (Element, inout String, String) -> Void
    ) {
        result += brackets.0
        for (index, element) in elements.enumerated() {
            result += (index > 0 ? "," : "") + indent + "  "
            writeElement(element, &result, indent + "  ")
        }
        result += (elements.isEmpty ? "" : indent) + brackets.1
    }

    private static func decimal(_ duration: Duration) -> String {
        let (seconds, attoseconds) = max(.zero, duration).components
        let digits = String(attoseconds / 1_000_000_000_000_000)
        return "\(seconds)." + String(repeating: "0", count: 3 - digits.count) + digits
    }
}
