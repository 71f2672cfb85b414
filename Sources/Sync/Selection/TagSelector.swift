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

/// Picks an entry's tags out of a listing.
package enum TagSelector {
    /// The entry's tags, newest first, cut to its `keep_last`.
    ///
    /// Pure and safe to repeat. A tag listed twice counts once, as it came first. A pattern never picks the tags under
    /// which referrers are kept (`sha256-<hex>`, with or without `.sig`, `.att`, `.sbom`); they are not images of the
    /// entry's own. A pattern that picks nothing is a warning, not an error.
    ///
    /// - Throws: ``MissingTagError`` when the entry's fixed tag is not among them.
    package static func select(
        from listed: [ListedTag],
        for entry: Configuration.Entry
    ) throws(MissingTagError) -> TagChoice {
        switch entry.selection {
        case .tag(let tag):
            guard let found = listed.first(where: { $0.name == tag }) else {
                throw MissingTagError(source: entry.source, tag: tag)
            }
            return TagChoice(tags: [found], undated: [], warnings: [])
        case .pattern(let pattern):
            var seen: Set<TagName> = []
            let matching = listed.filter {
                !$0.name.isReferrerTag && pattern.matches($0.name) && seen.insert($0.name).inserted
            }
            guard !matching.isEmpty else {
                let source = entry.source.description.displaySafe
                let warning = "no tag of \(source) matches '\(pattern.description.displaySafe)'"
                return TagChoice(tags: [], undated: [], warnings: [warning])
            }
            return keep(entry.keepLast, of: TagOrder.sorted(matching))
        }
    }

    private static func keep(_ limit: Int?, of sorted: [ListedTag]) -> TagChoice {
        guard let limit, limit < sorted.count else { return TagChoice(tags: sorted, undated: [], warnings: []) }
        let others = sorted.drop { TagVersion($0.name) != nil }
        let cutsIntoOthers = sorted.count - others.count < limit
        let undated = cutsIntoOthers ? others.filter { $0.date == nil }.map(\.name) : []
        let (last, next) = (sorted[limit - 1], sorted[limit])
        var warnings: [String] = []
        if undated.isEmpty, TagOrder.isByName(last, next) {
            warnings.append(
                "dates do not tell which tags are newest, so names decide, the highest first: "
                    + "'\(last.name)' is kept, '\(next.name)' is not"
            )
        }
        return TagChoice(tags: Array(sorted.prefix(limit)), undated: undated, warnings: warnings)
    }
}
