import Cache
import Concurrency
import OCI
import Registry

/// Lists, selects, names and decides the tags of one entry, with one listing a side.
struct EntryPlanner {
    private let entry: Configuration.Entry
    private let position: Int
    private let planner: Planner
    private let source: any ImageSource
    private let target: (any ImageTarget)?
    private let naming: TargetNaming
    /// The target's tags that are compared though digests do not count.
    private let doubts: Set<TagName>

    /// - Throws: `CacheError`.
    init(_ position: Int, by planner: Planner) async throws {
        self.position = position
        self.planner = planner
        entry = planner.configuration.entries[position]
        source = planner.source(entry.source)
        target = planner.target?(entry.target)
        naming = TargetNaming(source: source, configs: planner.configs(of: source))
        doubts = target == nil ? [] : try await planner.cache?.copies.doubts(in: entry.target) ?? []
    }

    /// - Throws: ``CopyError``, ``MissingTagError``, `CancellationError`, what source and target throw.
    func plan(to depth: Planner.Depth) async throws -> EntryPlan {
        if depth == .mirrored, let target {
            let tags = try await MirroredTags(entry: entry).tags(at: target)
            return EntryPlan(entry: position, tags: tags.map { EntryPlan.Tag(ListedTag(name: $0), as: $0) })
        }
        if let tag = entry.fixedTag,
            depth == .selection || !naming.needsSiblings(tag, entry: entry)
        {
            return try await plan(fixed: tag, to: depth)
        }
        guard depth == .decisions, let target else { return try await undecided(to: depth) }
        async let offered = target.asking { try await $0.tags() }
        var plan = try await undecided(to: depth)
        switch try await offered {
        case .known(let tags?): decide(&plan, among: tags)
        case .known(nil) where try await hasGiven(): try await decideEach(&plan, at: target, mayBeEmpty: false)
        case .known(nil): decide(&plan, among: nil)
        case .unknown(let error): try await decideEach(&plan, at: target, mayBeEmpty: isEmptiness(error))
        }
        return plan
    }

    /// Whether the target's repository was given something before: that it is not there is what is also said by those that
    /// know no list of tags.
    private func hasGiven() async throws -> Bool {
        try await planner.cache?.copies.areAny(in: entry.target) ?? false
    }

    /// Whether there may be nothing in a repository where its list is refused.
    private func isEmptiness(_ refusal: any Error) async throws -> Bool {
        guard (refusal as? RegistryError)?.status == 404 else { return false }
        return try await !hasGiven()
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
        let dates = ImageDates(source: source, configs: planner.configs(of: source))
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
        } else if depth == .names, try await source.resolve(.tag(tag)) == nil, try await !isKept(name) {
            throw source.absence(of: .tag(tag))
        }
        var plan = EntryPlan(entry: position, tags: [planned])
        if let explained = planner.explained, explained.location == entry.source, let other = explained.tag {
            plan.explanation = [TagSelector.explanation(of: other, fixed: tag)]
        }
        return plan
    }

    /// Whether a run leaves what the target has under a name as it is, without a question to the source.
    private func isKept(_ name: TagName) async throws -> Bool {
        guard let target, case .upToDate = try await decision(on: name, at: target) else { return false }
        return true
    }

    private func decision(on name: TagName, at target: any ImageTarget) async throws -> EntryPlan.Decision {
        switch try await target.asking({ try await $0.resolve(.tag(name)) }) {
        case .known(let found?): return present(name, found.digest)
        case .unknown: return .copy(repositoryIsEmpty: false, because: .absent)
        case .known(nil):
            return try await decision(onUnknown: name, at: target)
        }
    }

    /// HEAD does not know the tag, which says little: some registries answer it so whatever is there.
    private func decision(onUnknown name: TagName, at target: any ImageTarget) async throws -> EntryPlan.Decision {
        let found: Knowledge<Descriptor?>
        var isEmpty = false
        switch try await planner.lists.mayHave(name, at: target) {
        case .known(true?): found = try await target.asking { try await $0.manifest(.tag(name))?.descriptor }
        case .known(false?): return .copy(repositoryIsEmpty: false, because: .absent)
        case .known(nil):
            guard try await hasGiven() else { return .copy(repositoryIsEmpty: true, because: .absent) }
            found = try await target.asking { try await $0.resolveByReading(.tag(name)) }
        case .unknown(let error):
            found = try await target.asking { try await $0.resolveByReading(.tag(name)) }
            isEmpty = try await isEmptiness(error)
        }
        guard case .known(let there?) = found else { return .copy(repositoryIsEmpty: isEmpty, because: .absent) }
        return present(name, there.digest)
    }

    private func present(_ tag: TagName, _ digest: Digest? = nil) -> EntryPlan.Decision {
        entry.checksDigest || doubts.contains(tag) ? .compare(present: digest) : .upToDate(nil)
    }

    /// In place: a long listing's plan is not held twice.
    ///
    /// A target that does not know the repository, whose tags are `nil`, has no blob in it.
    private func decide(_ plan: inout EntryPlan, among tags: [TagName]?) {
        let listed = Set(tags ?? [])
        if entry.includesReferrers { plan.targetReferrerTags = .listed(listed.filter(\.isReferrerTag)) }
        for index in plan.tags.indices where !plan.tags[index].decision.isRefused {
            plan.tags[index].decision =
                listed.contains(plan.tags[index].target)
                ? present(plan.tags[index].target) : .copy(repositoryIsEmpty: tags == nil, because: .absent)
        }
    }

    /// A target that does not list its tags is asked for each, unless it refuses that of the first as well: what nobody
    /// tells of is copied.
    ///
    /// One that has none of them, and says 404 of the list in words of its own, is as good as empty.
    private func decideEach(_ plan: inout EntryPlan, at target: any ImageTarget, mayBeEmpty: Bool) async throws {
        let open = plan.tags.indices.filter { !plan.tags[$0].decision.isRefused }
        let names = open.map { plan.tags[$0].target }
        guard let first = names.first else { return }
        var found: [Bool] = []
        if case .known(let isThere) = try await target.asking({ try await $0.has(first) }) {
            found =
                [isThere]
                + (try await names.dropFirst().map(limit: ImageCopy.manifestParallelism) { name in
                    guard case .known(true) = try await target.asking({ try await $0.has(name) }) else { return false }
                    return true
                })
        }
        let isEmpty = mayBeEmpty && !found.contains(true)
        for (position, index) in open.enumerated() {
            let isThere = found.indices.contains(position) && found[position]
            plan.tags[index].decision =
                isThere
                ? present(plan.tags[index].target)
                : .copy(repositoryIsEmpty: isEmpty, because: .absent)
        }
    }
}

extension ImageTarget {
    fileprivate func has(_ tag: TagName) async throws -> Bool {
        if try await resolve(.tag(tag)) != nil { return true }
        return try await resolveByReading(.tag(tag)) != nil
    }
}
