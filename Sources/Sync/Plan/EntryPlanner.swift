import Cache
import Logging
import OCI
import Registry

/// Lists, selects, names and decides the tags of one entry, with one listing a side.
struct EntryPlanner {
    let entry: Configuration.Entry
    let position: Int
    let source: any ImageSource
    let target: Repository
    let listing: SourceListing
    let naming: TargetNaming
    let dates: ImageDates

    init(
        entry: Configuration.Entry,
        position: Int,
        source: any ImageSource,
        client: RegistryClient,
        cache: ContentCache?
    ) {
        self.entry = entry
        self.position = position
        self.source = source
        target = client.repository(entry.target, for: .push)
        listing = SourceListing(source: source, client: client)
        naming = TargetNaming(source: source, cache: cache)
        dates = ImageDates(source: source, cache: cache)
    }

    /// - Throws: ``CopyError``, ``MissingTagError``, `RegistryError`, `CancellationError`.
    func plan(to depth: Planner.Depth) async throws -> EntryPlan {
        if let tag = entry.fixedTag, !naming.needsSiblings(tag, entry: entry) {
            return try await plan(fixed: tag, to: depth)
        }
        guard depth == .decisions else { return try await undecided() }
        async let offered = target.asking { try await $0.tags() }
        let plan = try await undecided()
        return try await decided(plan, among: PresentTags(offered))
    }

    private func undecided() async throws -> EntryPlan {
        var (listed, warnings) = try await listing.tags()
        let choice = try await choice(from: &listed, &warnings)
        let named = try await naming.names(for: choice.tags, among: listed, entry: entry)
        return EntryPlan(
            entry: position,
            tags: named.tags.map { tag in
                EntryPlan.Tag(
                    source: tag.source.name,
                    target: tag.target,
                    decision: tag.failure.map { .refused($0) } ?? .undecided,
                    listedDigest: tag.source.digest,
                    listedImages: tag.source.images
                )
            },
            warnings: warnings + choice.warnings + named.warnings,
            referrerTags: entry.includesReferrers ? Set(listed.map(\.name).filter(\.isReferrerTag)) : nil
        )
    }

    /// What the rules select, dates included where they decide.
    private func choice(from listed: inout [ListedTag], _ warnings: inout [String]) async throws -> TagChoice {
        let choice: TagChoice
        do {
            choice = try TagSelector.select(from: listed, for: entry)
        } catch {
            throw source.isCache ? source.absence(of: .tag(error.tag)) : error
        }
        guard !choice.undated.isEmpty else { return choice }
        let dated = try await dates.adding(to: listed, for: choice.undated)
        warnings += dated.warnings
        return try TagSelector.select(from: dated.tags, for: entry)
    }

    private func plan(fixed tag: TagName, to depth: Planner.Depth) async throws -> EntryPlan {
        let name = naming.plainName(of: tag, entry: entry)
        var decision = EntryPlan.Decision.undecided
        if depth == .decisions {
            switch try await target.asking({ try await $0.resolve(.tag(name)) }) {
            case .known(.some): decision = entry.checksDigest ? .compare : .upToDate
            case .known(nil):
                // The beginning of the list tells whether there is a repository.
                let isThere = try await target.asking { try await $0.isThere() }
                if case .known(false) = isThere {
                    decision = .copy(repositoryIsEmpty: true)
                } else {
                    decision = .copy(repositoryIsEmpty: false)
                }
            case .unknown: decision = .copy(repositoryIsEmpty: false)
            }
        } else if try await source.find(.tag(tag)) == nil {
            throw source.absence(of: .tag(tag))
        }
        let planned = EntryPlan.Tag(source: tag, target: name, decision: decision, listedDigest: nil)
        return EntryPlan(entry: position, tags: [planned])
    }

    private func decided(_ plan: EntryPlan, among present: PresentTags) -> EntryPlan {
        var plan = plan
        for index in plan.tags.indices where !plan.tags[index].decision.isRefused {
            if present.names.contains(plan.tags[index].target) {
                plan.tags[index].decision = entry.checksDigest ? .compare : .upToDate
            } else {
                plan.tags[index].decision = .copy(repositoryIsEmpty: present.isEmpty)
            }
        }
        return plan
    }
}

/// What a target's listing says of its repository.
private struct PresentTags {
    let names: Set<TagName>
    /// The registry does not know the repository, so no blob can be in it.
    let isEmpty: Bool

    /// A target that refuses to tell is not known to have any tag, and not known to be empty.
    init(_ listing: Knowledge<TagListing>) {
        switch listing {
        case .known(.missing): (names, isEmpty) = ([], true)
        case .known(.found(let tags)): (names, isEmpty) = (Set(tags), false)
        case .unknown: (names, isEmpty) = ([], false)
        }
    }
}
