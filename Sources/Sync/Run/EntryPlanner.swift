import Cache
import Logging
import OCI
import Registry

/// Lists, selects, names and decides the tags of one entry, with one listing a side.
struct EntryPlanner {
    let entry: Configuration.Entry
    let source: any ImageSource
    let target: Repository
    let listing: SourceListing
    let naming: TargetNaming
    let dates: ImageDates

    init(entry: Configuration.Entry, source: any ImageSource, client: RegistryClient, cache: ContentCache?) {
        self.entry = entry
        self.source = source
        target = client.repository(entry.target, for: .push)
        listing = SourceListing(source: source, client: client)
        naming = TargetNaming(source: source, cache: cache)
        dates = ImageDates(source: source, cache: cache)
    }

    /// - Throws: ``CopyError``, ``MissingTagError``, ``TargetCollision``, `RegistryError`, `CancellationError`.
    func plan() async throws -> EntryPlan {
        if case .tag(let tag) = entry.selection, !naming.needsSiblings(tag, entry: entry) {
            return try await plan(fixed: tag)
        }
        async let offered = target.asking { try await $0.tags() }
        let selection = try await selection()
        let present = try await PresentTags(offered)
        return EntryPlan(
            tags: selection.tags.map { tag in
                EntryPlan.Tag(
                    source: tag.source.name,
                    target: tag.target,
                    decision: decision(for: tag.target, among: present),
                    listedDigest: tag.source.digest,
                    listedImages: tag.source.images
                )
            },
            warnings: selection.warnings,
            referrerTags: selection.referrerTags
        )
    }

    /// The tags to mirror and their names at the target, without a look at the target itself.
    func selection() async throws -> EntrySelection {
        if case .tag(let tag) = entry.selection, !naming.needsSiblings(tag, entry: entry) {
            guard try await source.find(.tag(tag)) != nil else {
                throw source.absence(of: .tag(tag))
            }
            return EntrySelection(tags: [(ListedTag(name: tag), naming.plainName(of: tag, entry: entry))])
        }
        var (listed, listingWarnings) = try await listing.tags()
        var choice: TagChoice
        do {
            choice = try TagSelector.select(from: listed, for: entry)
        } catch {
            throw source.isCache ? source.absence(of: .tag(error.tag)) : error
        }
        if !choice.undated.isEmpty {
            let dated = try await dates.adding(to: listed, for: choice.undated)
            choice = try TagSelector.select(from: dated.tags, for: entry)
            listingWarnings += dated.warnings
        }
        let named = try await naming.names(for: choice.tags, among: listed, entry: entry)
        if let collision = TargetCollision.find(among: named.tags.map { ($0.source.name, $0.target) }).first {
            throw collision
        }
        return EntrySelection(
            tags: named.tags,
            warnings: listingWarnings + choice.warnings + named.warnings,
            referrerTags: entry.includesReferrers ? Set(listed.map(\.name).filter(\.isReferrerTag)) : nil
        )
    }

    private func plan(fixed tag: TagName) async throws -> EntryPlan {
        let name = naming.plainName(of: tag, entry: entry)
        let decision: EntryPlan.Decision
        switch try await target.asking({ try await $0.resolve(.tag(name)) }) {
        case .known(.some): decision = entry.checksDigest ? .compare : .upToDate
        case .known(nil):
            let present = try await PresentTags(target.asking { try await $0.tags() })
            decision = .copy(repositoryIsEmpty: present.isEmpty)
        case .unknown: decision = .copy(repositoryIsEmpty: false)
        }
        return EntryPlan(
            tags: [EntryPlan.Tag(source: tag, target: name, decision: decision, listedDigest: nil)],
            warnings: []
        )
    }

    private func decision(for tag: TagName, among present: PresentTags) -> EntryPlan.Decision {
        guard present.names.contains(tag) else { return .copy(repositoryIsEmpty: present.isEmpty) }
        return entry.checksDigest ? .compare : .upToDate
    }
}

/// The tags of an entry that are to be mirrored.
struct EntrySelection: Sendable {
    /// Newest first, each with its name at the target.
    let tags: [(source: ListedTag, target: TagName)]
    var warnings: [String] = []
    /// See ``EntryPlan/referrerTags``.
    var referrerTags: Set<TagName>?
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
