package import Cache
import Concurrency
import OCI
import Synchronization

/// Makes the plan of a run: the one place where it is decided which tags are meant.
///
/// Entries that share a target repository are handed over together, once it is known that no two of them want one tag for
/// different images; all others as soon as they are planned.
struct Planner: Sendable {
    /// How much is to be known.
    enum Depth: Sendable {
        /// The source's tags that are selected.
        case selection
        /// And their names at the target, which is not asked.
        case names
        /// And what is to be done with each.
        case decisions
        /// The tags that the target has of those that are meant; the source is not asked.
        case mirrored
    }

    /// How many entries are planned at a time.
    private static let parallelism = 8

    let configuration: Configuration
    let cache: ContentCache?
    let source: @Sendable (RepositoryReference) -> any ImageSource
    /// `nil` where none is asked.
    var target: (@Sendable (RepositoryReference) -> any ImageTarget)?
    /// Whether a host that an entry needs wants no requests for a time, so that others are planned before it.
    var isHeldBack: @Sendable (Int) -> Bool = { _ in false }
    /// Comes when a host has begun to want none.
    var pauses: @Sendable () -> AsyncStream<Void> = { AsyncStream { _ in } }
    /// Whether dates are asked for where they decide; tags without one are all selected otherwise.
    var asksForDates = true
    /// Whether what is read to decide is kept in the cache.
    var keeps = true
    /// Where it is noted what was fetched to decide.
    var early: EarlyBytes?
    let lists = TargetLists()
    /// A tag of which the plan is to tell why it is selected or not.
    var explained: ImageReference?

    /// What reads the configs that decide something.
    func configs(of source: any ImageSource) -> ConfigReader {
        ConfigReader(source: source, cache: cache, keeps: keeps, early: early)
    }

    /// The whole plan.
    ///
    /// Each entry's is noted when nothing of it can change any more. Throws `CancellationError` only.
    func plan(
        _ chosen: [Int],
        to depth: Depth,
        noting note: @escaping @Sendable (SyncPlan.Outcome) -> Void = { _ in }
    ) async throws -> SyncPlan {
        let gathered = Gathering()
        try await plan(chosen, to: depth) { _ in
        } deliver: {
            note($0)
            gathered.add($0)
        }
        return SyncPlan(outcomes: gathered.all)
    }

    /// Plans entries, and delivers the plan of each when nothing of it can change any more.
    ///
    /// - Throws: `CancellationError` only.
    func plan(
        _ chosen: [Int],
        to depth: Depth,
        beginning begin: @escaping @Sendable (Int) -> Void,
        deliver: @escaping @Sendable (SyncPlan.Outcome) -> Void
    ) async throws {
        let groups = Dictionary(grouping: chosen) { configuration.entries[$0].target.withoutUsualPort }
        var seen: Set<RepositoryReference> = []
        let targets = chosen.map { configuration.entries[$0].target.withoutUsualPort }
            .filter { seen.insert($0).inserted }
        let gathered = Gathering()
        let line = WorkLine<CollectionOfOne<Int>>(
            news: pauses(),
            limit: { _ in Self.parallelism },
            isHeldBack: isHeldBack
        )
        for position in targets.flatMap({ groups[$0] ?? [] }) { line.add(CollectionOfOne(position)) }
        line.complete()
        try await line.run { position in
            begin(position)
            let outcome = try await outcome(of: position, to: depth)
            let group = groups[configuration.entries[position].target.withoutUsualPort] ?? []
            guard var outcomes = gathered.add(outcome, completing: group) else { return }
            if depth == .names || depth == .decisions { try await settle(&outcomes) }
            outcomes.forEach(deliver)
        }
    }

    private func outcome(of position: Int, to depth: Depth) async throws -> SyncPlan.Outcome {
        do {
            return .planned(try await EntryPlanner(position, by: self).plan(to: depth))
        } catch let error where !error.isCancellation {
            return .failed(entry: position, error)
        }
    }

    private func settle(_ outcomes: inout [SyncPlan.Outcome]) async throws {
        var plans = outcomes.compactMap { if case .planned(let plan) = $0 { plan } else { nil } }
        try await TargetConflicts(planner: self).refuse(in: &plans)
        var settled = plans.makeIterator()
        for index in outcomes.indices {
            if case .planned = outcomes[index], let plan = settled.next() { outcomes[index] = .planned(plan) }
        }
    }
}

/// Outcomes as they come.
private final class Gathering: Sendable {
    private let outcomes = Mutex<[Int: SyncPlan.Outcome]>([:])

    func add(_ outcome: SyncPlan.Outcome) { outcomes.withLock { $0[outcome.entry] = outcome } }

    /// - Returns: those of the group, in its order, when this was its last; they are handed over.
    func add(_ outcome: SyncPlan.Outcome, completing group: [Int]) -> [SyncPlan.Outcome]? {
        outcomes.withLock { outcomes in
            outcomes[outcome.entry] = outcome
            guard group.allSatisfy({ outcomes[$0] != nil }) else { return nil }
            return group.compactMap { outcomes.removeValue(forKey: $0) }
        }
    }

    var all: [SyncPlan.Outcome] { outcomes.withLock { all in all.keys.sorted().compactMap { all[$0] } } }
}

extension CollectionOptions {
    /// What a collection is to do: keep `cache.max_size`, but never remove what the entries select.
    ///
    /// Asks nobody but the cache: an entry selects among the tags that the cache holds of its source as it would among
    /// those of the source. Where dates would decide, everything that matches stays.
    ///
    /// - Throws: `CacheError`.
    package init(of configuration: Configuration, for cache: ContentCache) async throws {
        self.init(maximumSize: configuration.cache.maximumSize?.bytes)
        var planner = Planner(configuration: configuration, cache: cache) { CachedSource(location: $0, cache: cache) }
        planner.asksForDates = false
        for outcome in try await planner.plan(Array(configuration.entries.indices), to: .selection).outcomes {
            switch outcome {
            case .failed(_, let error as CacheError): throw error
            // Of what the cache does not hold nothing is to be kept.
            case .failed: continue
            case .planned(let plan):
                let source = configuration.entries[plan.entry].source
                pins.formUnion(plan.tags.map { ImageReference(location: source, tag: $0.source) })
            }
        }
    }
}
