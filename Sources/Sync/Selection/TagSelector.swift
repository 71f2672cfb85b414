package import OCI

/// The tags of one entry that are to be mirrored.
package struct TagChoice: Sendable {
    /// Newest first, as ``TagOrder`` has it.
    package let tags: [ListedTag]
    /// Tags whose dates decide what `keep_last` keeps, and are not known: ask for them, then select again.
    ///
    /// Empty when the choice stands as it is.
    package let undated: [TagName]
    /// One sentence each, for the log.
    package let warnings: [String]
}

/// A fixed tag that the upstream repository does not have.
package struct MissingTagError: Error, Hashable, Sendable, CustomStringConvertible {
    package let source: RepositoryReference
    package let tag: TagName

    package var description: String {
        "\(source.description.displaySafe) has no tag '\(tag)'; check the entry's 'tag'"
    }
}

extension Configuration.Entry {
    /// The rules that look at a tag's name alone.
    private var nameRules: [any SelectionRule] {
        switch selection {
        case .tag(let tag): return [FixedTagRule(tag: tag)]
        case .pattern(let pattern):
            let exclusion = pattern.exclusion.map { ExclusionRule(pattern: $0) }
            let rules: [(any SelectionRule)?] = [PatternRule(pattern: pattern), exclusion, ReferrerTagRule()]
            return rules.compactMap(\.self) + filters
        }
    }

    /// What decides which tags are selected, in the order in which it does.
    var rules: [any SelectionRule] { nameRules + [NewestRule(limit: fixedTag == nil ? keepLast : nil)] }

    /// The entry's one tag; `nil` for an entry with a pattern.
    var fixedTag: TagName? {
        if case .tag(let tag) = selection { tag } else { nil }
    }

    /// Whether the entry wants a tag of this name, as far as names tell.
    package func names(_ tag: TagName) -> Bool {
        nameRules.allSatisfy { !$0.apply(to: [ListedTag(name: tag)]).kept.isEmpty }
    }
}

/// Picks an entry's tags out of a listing.
package enum TagSelector {
    /// The entry's tags, newest first, cut to its `keep_last`.
    ///
    /// Pure and safe to repeat. A tag listed twice counts once, as it came first. A pattern that picks nothing is a
    /// warning, not an error.
    ///
    /// - Throws: ``MissingTagError`` when the entry's fixed tag is not among them.
    package static func select(
        from listed: [ListedTag],
        for entry: Configuration.Entry
    ) throws(MissingTagError) -> TagChoice {
        var seen: Set<TagName> = []
        var tags = listed.filter { seen.insert($0.name).inserted }
        var undated: [TagName] = []
        var warnings: [String] = []
        for rule in entry.rules {
            let step = rule.apply(to: tags)
            tags = step.kept
            undated += step.undated
            warnings += step.warnings
        }
        if tags.isEmpty {
            if let tag = entry.fixedTag { throw MissingTagError(source: entry.source, tag: tag) }
            guard case .pattern(let pattern) = entry.selection else {
                return TagChoice(tags: [], undated: [], warnings: [])
            }
            let matching = "tag of \(entry.source.description.displaySafe) matches '\(pattern.description.displaySafe)'"
            let isExcluded = listed.contains { pattern.excludes($0.name) }
            warnings = [isExcluded ? "no \(matching) and stays with 'tag_exclude'" : "no \(matching)"]
        }
        return TagChoice(tags: tags, undated: undated, warnings: warnings)
    }

    /// Whether an entry with a fixed tag means this one: nothing is listed for it.
    static func explanation(of tag: TagName, fixed: TagName) -> String {
        "\(FixedTagRule(tag: fixed).description): \(tag == fixed ? "names it" : "leaves it out")"
    }

    /// Which rule kept or left out a tag, one line each, until one leaves it out.
    package static func explain(_ tag: TagName, among listed: [ListedTag], for entry: Configuration.Entry) -> [String] {
        guard listed.contains(where: { $0.name == tag }) else { return ["\(entry.source) does not list it"] }
        var tags = listed
        var lines = ["\(entry.source) lists it, among \(listed.count) tags"]
        for rule in entry.rules {
            let before = tags
            tags = rule.apply(to: tags).kept
            let place =
                TagOrder.sorted(before).firstIndex { $0.name == tag }.map {
                    ", number \($0 + 1) of \(before.count) from the newest"
                } ?? ""
            guard tags.contains(where: { $0.name == tag }) else {
                return lines + ["\(rule.description): leaves it out\(place)"]
            }
            if !rule.isImplied { lines.append("\(rule.description): keeps it\(place)") }
        }
        return lines
    }
}
