import OCI
import Sync

/// What picks tags in another tool's file, put together as selections of entries.
struct TagFilter {
    /// By their names.
    var tags: [TagName] = []
    /// Of which one has to be found.
    var patterns: [String] = []
    /// What is found in one of these is left out.
    var exclusions: [String] = []

    private var hasLiterals = false

    init(exclusions: [String] = []) {
        self.exclusions = exclusions
    }

    /// What changes for a tag that only an expression names.
    var comment: String? {
        hasLiterals && patterns.isEmpty
            ? "a tag that an expression alone names is written by its name: that it is missing is an error here" : nil
    }

    /// Adds expressions for whole tags; those that match one tag alone as that tag.
    mutating func add(whole expressions: [String]) {
        let others = expressions.filter { TagExpression.literal($0) == nil }
        hasLiterals = hasLiterals || others.count < expressions.count
        tags += expressions.compactMap(TagExpression.literal)
        if !others.isEmpty { patterns.append(TagExpression.whole(others)) }
    }

    /// All tags where nothing picks any.
    ///
    /// Beside expressions tags are part of one, as one listing is asked then; but those of signatures are never selected so.
    var selections: [MirrorEntry.Selection] {
        let exclusion = TagExpression.any(exclusions)
        guard !tags.isEmpty || !patterns.isEmpty else {
            return [.pattern(TagExpression.everything, excluding: exclusion)]
        }
        var seen: Set<TagName> = []
        let leftOut = exclusion.flatMap { try? TagPattern($0) }
        let named = tags.filter { leftOut?.matches($0) != true && seen.insert($0).inserted }
        guard !patterns.isEmpty else { return named.map(MirrorEntry.Selection.tag) }
        let plain = named.filter { !$0.isReferrerTag }
        let expressions = patterns + (plain.isEmpty ? [] : [TagExpression.tags(plain)])
        let pattern = TagExpression.any(expressions).map { MirrorEntry.Selection.pattern($0, excluding: exclusion) }
        return named.filter(\.isReferrerTag).map(MirrorEntry.Selection.tag) + [pattern].compactMap(\.self)
    }
}
