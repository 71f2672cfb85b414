package import OCI

/// One reason for which tags are selected or left out.
///
/// A new one is a type in a file of its own, read in `ConfigurationEntry+YAML.swift` into ``Configuration/Entry/filters``,
/// and a key of the published schema.
package protocol SelectionRule: Sendable {
    /// As the configuration says it: `keep_last: 3`.
    var description: String { get }
    /// Whether it holds although no configuration says so: then it is told of only where it leaves a tag out.
    var isImplied: Bool { get }

    /// What is left of the tags that the rules before it have left; the last rule's are in their final order.
    func apply(to tags: [ListedTag]) -> SelectionStep
}

extension SelectionRule {
    package var isImplied: Bool { false }
}

/// What a rule came to.
package struct SelectionStep: Sendable {
    package var kept: [ListedTag]
    /// Tags whose dates would decide and are not known.
    package var undated: [TagName] = []
    package var warnings: [String] = []

    package init(kept: [ListedTag], undated: [TagName] = [], warnings: [String] = []) {
        self.kept = kept
        self.undated = undated
        self.warnings = warnings
    }
}

/// `tag`: this one alone.
struct FixedTagRule: SelectionRule {
    let tag: TagName

    var description: String { "tag: \(tag)" }

    func apply(to tags: [ListedTag]) -> SelectionStep { SelectionStep(kept: tags.filter { $0.name == tag }) }
}

/// `tag_regex`: what the pattern is found in.
struct PatternRule: SelectionRule {
    let pattern: TagPattern

    var description: String { "tag_regex: '\(pattern)'" }

    func apply(to tags: [ListedTag]) -> SelectionStep {
        SelectionStep(kept: tags.filter { pattern.isFound(in: $0.name) })
    }
}

/// `tag_exclude`: what the pattern is not found in.
struct ExclusionRule: SelectionRule {
    let pattern: TagPattern

    var description: String { "tag_exclude: '\(pattern)'" }

    func apply(to tags: [ListedTag]) -> SelectionStep {
        SelectionStep(kept: tags.filter { !pattern.isFound(in: $0.name) })
    }
}

/// Never the tags under which referrers are kept (`sha256-<hex>`, with or without `.sig`, `.att`, `.sbom`): they are not
/// images of the entry's own.
struct ReferrerTagRule: SelectionRule {
    var description: String { "signatures' and other referrers' tags, which 'tag' alone selects" }
    var isImplied: Bool { true }

    func apply(to tags: [ListedTag]) -> SelectionStep {
        SelectionStep(kept: tags.filter { !$0.name.isReferrerTag })
    }
}

/// `keep_last`: the newest; without a number all of them, newest first.
struct NewestRule: SelectionRule {
    let limit: Int?

    var description: String { limit.map { "keep_last: \($0)" } ?? "no keep_last" }

    func apply(to tags: [ListedTag]) -> SelectionStep {
        let sorted = TagOrder.sorted(tags)
        guard let limit, limit < sorted.count else { return SelectionStep(kept: sorted) }
        let others = sorted.drop { TagVersion($0.name) != nil }
        let cutsIntoOthers = sorted.count - others.count < limit
        let undated = cutsIntoOthers ? others.filter { $0.date == nil }.map(\.name) : []
        var step = SelectionStep(kept: Array(sorted.prefix(limit)), undated: undated)
        let (last, next) = (sorted[limit - 1], sorted[limit])
        if undated.isEmpty, TagOrder.isByName(last, next) {
            step.warnings.append(
                "dates do not tell which tags are newest, so names decide, the highest first: "
                    + "'\(last.name)' is kept, '\(next.name)' is not"
            )
        }
        return step
    }
}
