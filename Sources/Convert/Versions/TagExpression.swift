import OCI

/// Regular expressions put together so that each keeps its own meaning.
enum TagExpression {
    /// Matches every tag.
    static let everything = "."

    /// Matches what any of the expressions matches from its beginning to its end.
    static func whole(_ expressions: [String]) -> String {
        expressions.count == 1
            ? "^(?:\(expressions[0]))$" : "^(?:\(expressions.map { "(?:\($0))" }.joined(separator: "|")))$"
    }

    /// Finds what any of the expressions finds.
    static func any(_ expressions: [String]) -> String? {
        guard expressions.count > 1 else { return expressions.first }
        return expressions.map { "(?:\($0))" }.joined(separator: "|")
    }

    /// Matches these tags and no others.
    static func tags(_ tags: [TagName]) -> String {
        whole([tags.map { escaped($0.description) }.joined(separator: "|")])
    }

    /// The one tag that an expression for whole tags matches; `nil` where it may match others.
    static func literal(_ expression: String) -> TagName? {
        var rest = expression.hasPrefix("^") ? expression.dropFirst() : expression[...]
        if rest.hasSuffix("$"), !rest.hasSuffix(#"\$"#) { rest.removeLast() }
        var text = ""
        while let character = rest.popFirst() {
            guard character == "\\" else {
                guard character != "." else { return nil }
                text.append(character)
                continue
            }
            // Letters and digits become classes and codes behind it.
            guard let escaped = rest.popFirst(), ".-".contains(escaped) else { return nil }
            text.append(escaped)
        }
        return try? TagName(text)
    }

    /// What changes for an expression that other tools bind to a tag's beginning and end, without brackets round it; `nil`
    /// where nothing does.
    static func note(on expression: String) -> String? {
        guard hasBar(expression) else { return nil }
        return "'\(expression.displayedWithoutSecrets)' has to match whole tags here, each side of its '|' too"
    }

    /// Whether a `|` stands outside of all brackets.
    private static func hasBar(_ expression: String) -> Bool {
        var depth = 0
        var isInClass = false
        var rest = expression[...]
        while let character = rest.popFirst() {
            switch character {
            case "\\": rest = rest.dropFirst()
            case "[" where !isInClass:
                isInClass = true
                // A closing bracket that comes first is one of the class.
                if rest.first == "^" { rest.removeFirst() }
                if rest.first == "]" { rest.removeFirst() }
            case "]": isInClass = false
            case "(" where !isInClass: depth += 1
            case ")" where !isInClass: depth -= 1
            case "|" where !isInClass && depth == 0: return true
            default: break
            }
        }
        return false
    }

    /// Dots are the only characters of tags that mean something in an expression.
    private static func escaped(_ text: String) -> String {
        text.split(separator: ".", omittingEmptySubsequences: false).joined(separator: #"\."#)
    }
}
