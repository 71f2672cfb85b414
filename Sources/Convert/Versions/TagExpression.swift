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

    /// Dots are the only characters of tags that mean something in an expression.
    private static func escaped(_ text: String) -> String {
        text.split(separator: ".", omittingEmptySubsequences: false).joined(separator: #"\."#)
    }
}
