import OCI

/// The `tags` of a mapping: tags, `semver:` and `regex:` of which one has to hold, and `keep:` that all have to hold.
struct DregsyTags {
    private(set) var selections: [MirrorEntry.Selection] = []
    /// Why they cannot be said.
    private(set) var fault: String?

    private var tags: [TagName] = []
    private var patterns: [String] = []
    /// Inverted expressions: each picks everything else.
    private var inverted: [String] = []
    private var kept: [String] = []
    private var pruned: [String] = []

    init(_ texts: [String]) {
        for text in texts { read(text) }
        // What is kept has to match; that joins only with an entry that takes everything.
        if kept.count == 1, tags.isEmpty, patterns.isEmpty, inverted.isEmpty {
            patterns = kept
        } else if !kept.isEmpty {
            fault = "'keep:' beside other filters; write one expression for both"
        }
        guard fault == nil else { return }
        let exclusion = TagExpression.any(pruned)
        let isEverything = tags.isEmpty && patterns.isEmpty && inverted.isEmpty
        if isEverything { patterns = [TagExpression.everything] }
        if patterns.isEmpty, pruned.isEmpty {
            selections += tags.map(MirrorEntry.Selection.tag)
        } else if !tags.isEmpty {
            patterns.append(TagExpression.tags(tags))
        }
        if let pattern = TagExpression.any(patterns) { selections.append(.pattern(pattern, excluding: exclusion)) }
        for expression in inverted {
            let both = TagExpression.any([expression] + pruned)
            selections.append(.pattern(TagExpression.everything, excluding: both))
        }
    }

    private mutating func read(_ text: String) {
        if text.hasPrefix("semver:") {
            do throws(VersionRangeError) {
                patterns.append(try VersionRange(String(text.dropFirst(7)), .dregsy).pattern)
            } catch {
                fault = "'\(text.displayedWithoutSecrets)' has \(error.reason)"
            }
        } else if text.hasPrefix("regex:") {
            let (expression, isInverted) = Self.expression(text.dropFirst(6))
            if isInverted { inverted.append(expression) } else { patterns.append(expression) }
        } else if text.hasPrefix("keep:") {
            let (expression, isInverted) = Self.expression(text.dropFirst(5))
            if isInverted { pruned.append(expression) } else { kept.append(expression) }
        } else if let tag = try? TagName(text) {
            tags.append(tag)
        } else {
            fault = "'\(text.displayedWithoutSecrets)' is no tag"
        }
    }

    /// The expression for whole tags, and whether a `!` turned it round.
    private static func expression(_ text: Substring) -> (String, isInverted: Bool) {
        let trimmed = text.drop { $0 == " " }
        let isInverted = trimmed.hasPrefix("!")
        return (TagExpression.whole([String(isInverted ? trimmed.dropFirst() : trimmed)]), isInverted)
    }
}
