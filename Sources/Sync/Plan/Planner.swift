import Cache
import Concurrency
import OCI
import Registry
import Synchronization

/// Makes the plan of a run.
///
/// Entries that share a target repository are handed over together, once it is known that no two of them want one tag for
/// different images; all others as soon as they are planned.
struct Planner: Sendable {
    /// How much is to be known.
    enum Depth: Sendable {
        /// The tags and their names at the target; the target is not asked.
        case names
        /// And what is to be done with each.
        case decisions
    }

    /// How many entries are planned at a time.
    private static let parallelism = 8

    let configuration: Configuration
    let client: RegistryClient
    let cache: ContentCache?
    let source: @Sendable (Configuration.Entry) -> any ImageSource

    /// The whole plan.
    ///
    /// - Throws: `CancellationError` only.
    func plan(_ chosen: [Int], to depth: Depth) async throws -> SyncPlan {
        let gathered = Gathering()
        try await plan(chosen, to: depth) { gathered.add($0) }
        return SyncPlan(outcomes: gathered.all)
    }

    /// Plans entries, and delivers the plan of each when nothing of it can change any more.
    ///
    /// - Throws: `CancellationError` only.
    func plan(
        _ chosen: [Int],
        to depth: Depth,
        beginning begin: @escaping @Sendable (Int) -> Void = { _ in },
        deliver: @escaping @Sendable (SyncPlan.Outcome) -> Void
    ) async throws {
        let groups = Dictionary(grouping: chosen) { configuration.entries[$0].target }
        var seen: Set<RepositoryReference> = []
        let targets = chosen.map { configuration.entries[$0].target }.filter { seen.insert($0).inserted }
        let gathered = Gathering()
        try await targets.flatMap { groups[$0] ?? [] }.forEach(limit: Self.parallelism) { position in
            begin(position)
            let outcome = try await outcome(of: position, to: depth)
            let group = groups[configuration.entries[position].target] ?? []
            guard var outcomes = gathered.add(outcome, completing: group) else { return }
            try await settle(&outcomes)
            outcomes.forEach(deliver)
        }
    }

    private func outcome(of position: Int, to depth: Depth) async throws -> SyncPlan.Outcome {
        let entry = configuration.entries[position]
        let planner = EntryPlanner(
            entry: entry,
            position: position,
            source: source(entry),
            client: client,
            cache: cache
        )
        do {
            return .planned(try await planner.plan(to: depth))
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
