import Cache
import OCI

/// Lists, selects, names and decides the tags of one entry, with one listing a side.
struct EntryPlanner {
    private let entry: Configuration.Entry
    private let position: Int
    private let planner: Planner
    private let source: any ImageSource
    private let target: (any ImageTarget)?
    private let naming: TargetNaming

    init(_ position: Int, by planner: Planner) {
        self.position = position
        self.planner = planner
        entry = planner.configuration.entries[position]
        source = planner.source(entry.source)
        target = planner.target?(entry.target)
        naming = TargetNaming(source: source, cache: planner.keeps ? planner.cache : nil)
    }

    /// - Throws: ``CopyError``, ``MissingTagError``, `CancellationError`, what source and target throw.
    func plan(to depth: Planner.Depth) async throws -> EntryPlan {
        if depth == .mirrored, let target {
            let tags = try await MirroredTags(entry: entry).tags(at: target)
            return EntryPlan(entry: position, tags: tags.map { EntryPlan.Tag(ListedTag(name: $0), as: $0) })
        }
        if let tag = entry.fixedTag, planner.explained == nil,
            depth == .selection || !naming.needsSiblings(tag, entry: entry)
        {
            return try await plan(fixed: tag, to: depth)
        }
        guard depth == .decisions, let target else { return try await undecided(to: depth) }
        async let offered = target.asking { try await $0.tags() }
        var plan = try await undecided(to: depth)
        decide(&plan, among: PresentTags(try await offered))
        return plan
    }

    private func undecided(to depth: Planner.Depth) async throws -> EntryPlan {
        guard var list = try await source.listing() else { throw source.absence(of: nil) }
        let choice = try await choice(from: &list)
        let named =
            depth == .selection
            ? (tags: choice.tags.map { EntryPlan.Tag($0, as: $0.name) }, warnings: [])
            : try await naming.names(for: choice.tags, among: list.tags, entry: entry)
        var plan = EntryPlan(entry: position, tags: named.tags)
        plan.warnings = list.warnings + choice.warnings + named.warnings
        if entry.includesReferrers { plan.referrerTags = .listed(Set(list.tags.map(\.name).filter(\.isReferrerTag))) }
        if let explained = planner.explained, explained.location == entry.source, let tag = explained.tag {
            plan.explanation = TagSelector.explain(tag, among: list.tags, for: entry)
        }
        return plan
    }

    /// What the rules select, dates included where they decide.
    private func choice(from list: inout TagList) async throws -> TagChoice {
        let choice: TagChoice
        do {
            choice = try TagSelector.select(from: list.tags, for: entry)
        } catch {
            guard planner.explained == nil else { return TagChoice(tags: [], undated: [], warnings: ["\(error)"]) }
            throw source.isCache ? source.absence(of: .tag(error.tag)) : error
        }
        guard !choice.undated.isEmpty else { return choice }
        guard planner.asksForDates else {
            let undated = Set(choice.undated).subtracting(choice.tags.map(\.name))
            return TagChoice(
                tags: choice.tags + list.tags.filter { undated.contains($0.name) },
                undated: [],
                warnings: []
            )
        }
        let dates = ImageDates(source: source, cache: planner.keeps ? planner.cache : nil)
        let dated = try await dates.adding(to: list.tags, for: choice.undated)
        list.tags = dated.tags
        list.warnings += dated.warnings
        return try TagSelector.select(from: dated.tags, for: entry)
    }

    private func plan(fixed tag: TagName, to depth: Planner.Depth) async throws -> EntryPlan {
        let name = depth == .selection ? tag : naming.plainName(of: tag, entry: entry)
        var planned = EntryPlan.Tag(ListedTag(name: tag), as: name)
        if depth == .decisions, let target {
            planned.decision = try await decision(on: name, at: target)
        } else if depth == .names, try await source.resolve(.tag(tag)) == nil {
            throw source.absence(of: .tag(tag))
        }
        return EntryPlan(entry: position, tags: [planned])
    }

    private func decision(on name: TagName, at target: any ImageTarget) async throws -> EntryPlan.Decision {
        switch try await target.asking({ try await $0.resolve(.tag(name)) }) {
        case .known(.some): return entry.checksDigest ? .compare : .upToDate(nil)
        case .unknown: return .copy(repositoryIsEmpty: false, because: .absent)
        case .known(nil):
            // The beginning of the list tells whether there is a repository.
            let isThere = try await target.asking { try await $0.isThere() }
            if case .known(false) = isThere { return .copy(repositoryIsEmpty: true, because: .absent) }
            return .copy(repositoryIsEmpty: false, because: .absent)
        }
    }

    /// In place: a long listing's plan is not held twice.
    private func decide(_ plan: inout EntryPlan, among present: PresentTags) {
        for index in plan.tags.indices where !plan.tags[index].decision.isRefused {
            if present.names.contains(plan.tags[index].target) {
                plan.tags[index].decision = entry.checksDigest ? .compare : .upToDate(nil)
            } else {
                plan.tags[index].decision = .copy(repositoryIsEmpty: present.isEmpty, because: .absent)
            }
        }
    }
}

/// What a target's listing says of its repository.
private struct PresentTags {
    let names: Set<TagName>
    /// The registry does not know the repository, so no blob can be in it.
    let isEmpty: Bool

    /// A target that refuses to tell is not known to have any tag, and not known to be empty.
    init(_ listing: Knowledge<[TagName]?>) {
        switch listing {
        case .known(nil): (names, isEmpty) = ([], true)
        case .known(let tags?): (names, isEmpty) = (Set(tags), false)
        case .unknown: (names, isEmpty) = ([], false)
        }
    }
}
