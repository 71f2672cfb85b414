import OCI
import Sync

/// The `tags` of a mapping: tags, `semver:` and `regex:` of which one has to hold, and `keep:` that all have to hold.
struct DregsyTags {
    private(set) var selections: [MirrorEntry.Selection] = []
    /// What has another meaning here.
    private(set) var comments: [String] = []
    /// Why they cannot be said.
    private(set) var fault: String?

    /// What is pruned is left out of it.
    private var filter = TagFilter()
    /// Inverted expressions: each picks everything else.
    private var inverted: [String] = []
    private var kept: [String] = []

    init(_ texts: [String]) {
        for text in texts { read(text) }
        keep()
        guard fault == nil else { return }
        if inverted.isEmpty || !filter.tags.isEmpty || !filter.patterns.isEmpty { selections = filter.selections }
        for expression in inverted {
            let both = TagExpression.any([expression] + filter.exclusions)
            selections.append(.pattern(TagExpression.everything, excluding: both))
        }
        if let comment = filter.comment { comments.append(comment) }
        if selections.isEmpty { fault = "'keep:' leaves none of its tags" }
    }

    /// What is kept has to match: of tags by their names that is known, else it joins only with an entry that takes everything.
    private mutating func keep() {
        guard !kept.isEmpty else { return }
        guard filter.patterns.isEmpty, inverted.isEmpty, !filter.tags.isEmpty || kept.count == 1 else {
            fault = "'keep:' beside other filters; write one expression for both"
            return
        }
        guard !filter.tags.isEmpty else { return filter.add(whole: kept) }
        let patterns = kept.map { try? TagPattern(TagExpression.whole([$0])) }
        filter.tags.removeAll { tag in !patterns.allSatisfy { $0?.matches(tag) == true } }
        if filter.tags.isEmpty { fault = "'keep:' leaves none of its tags" }
    }

    private mutating func read(_ text: String) {
        if text.hasPrefix("semver:") {
            do throws(VersionRangeError) {
                filter.patterns.append(try VersionRange(String(text.dropFirst(7)), .dregsy).pattern)
            } catch {
                fault = "'\(text.displayedWithoutSecrets)' has \(error.reason)"
            }
        } else if text.hasPrefix("regex:") {
            let (expression, isInverted) = expression(text.dropFirst(6))
            if isInverted {
                inverted.append(TagExpression.whole([expression]))
            } else {
                filter.add(whole: [expression])
            }
        } else if text.hasPrefix("keep:") {
            let (expression, isInverted) = expression(text.dropFirst(5))
            if isInverted {
                filter.exclusions.append(TagExpression.whole([expression]))
            } else {
                kept.append(expression)
            }
        } else if let tag = try? TagName(text) {
            filter.tags.append(tag)
        } else {
            fault = "'\(text.displayedWithoutSecrets)' is no tag"
        }
    }

    /// The expression for whole tags, and whether a `!` turned it round.
    private mutating func expression(_ text: Substring) -> (String, isInverted: Bool) {
        var trimmed = text.drop { $0 == " " }
        while trimmed.last == " " { trimmed.removeLast() }
        let isInverted = trimmed.first == "!"
        let expression = String(isInverted ? trimmed.dropFirst() : trimmed)
        if let note = TagExpression.note(on: expression) { comments.append(note) }
        return (expression, isInverted)
    }
}
