package import Cache
import FoundationEssentials
package import Logging
import OCI
package import Registry

/// One run over a configuration: lists, decides, copies and reports, with failures kept apart.
package struct Syncer: Sendable {
    /// What a run does beside copying.
    package struct Options: Sendable {
        /// How many images are copied at a time, over all entries.
        package var parallelism = 4
        /// Decide everything, write nothing.
        package var isDryRun = false
        /// Ask no upstream: the cache is the source, also in a dry run.
        package var isOffline = false
        /// Positions of the entries to run; `nil` runs all.
        package var entries: Set<Int>?
        /// Runs the configuration's hooks; `nil` runs none, and a dry run never does.
        package var hooks: HookRunner?

        package init() {}
    }

    /// How many entries are listed at a time.
    static let planningParallelism = 8
    /// How many entries' hooks run at a time; a program of its own is behind each.
    static let hookParallelism = 8

    let configuration: Configuration
    let client: RegistryClient
    let cache: ContentCache?
    let options: Options
    let logger: Logger
    package let progress = SyncProgress()
    let known = KnownContent()
    let mirrorHealth: MirrorHealth
    /// Those of the entries, in their order.
    let routes: [SyncReport.Route]

    /// - Parameters:
    ///   - configuration: what to mirror.
    ///   - client: reaches sources and targets.
    ///   - cache: what the images pass through; a dry run does without.
    ///   - options: see ``Options``.
    ///   - logger: gets a line for each tag copied and each failure.
    package init(
        configuration: Configuration,
        client: RegistryClient,
        cache: ContentCache?,
        options: Options,
        logger: Logger
    ) {
        self.configuration = configuration
        self.client = client
        self.cache = cache
        self.options = options
        self.logger = logger
        mirrorHealth = MirrorHealth(logger: logger)
        routes = configuration.entries.map { SyncReport.Route(source: $0.source, target: $0.target) }
    }

    /// Runs every entry and returns when the last has ended.
    ///
    /// - Returns: the report; failed entries and tags are rows of it, not errors.
    /// - Throws: `CancellationError` only.
    package func run() async throws -> SyncReport {
        let start = ContinuousClock.now
        let started = Date()
        let chosen = configuration.entries.indices.filter { options.entries?.contains($0) ?? true }
        progress.expect(entries: chosen.count)
        let collector = RowCollector()
        try await runEntries(chosen, collector)
        try Task.checkCancellation()
        var report = SyncReport()
        report.rows = collector.takeRows()
        report.isDryRun = options.isDryRun
        report.started = started
        report.duration = ContinuousClock.now - start
        report.hooks = collector.hooks
        let outcomes = try await runHooks(configuration.hooks, after: report, of: nil)
        collector.add(outcomes, entry: nil)
        report.hooks = collector.hooks
        return report
    }

    /// Plans, copies and runs the hooks of entries, each entry at its own pace.
    private func runEntries(_ chosen: [Int], _ collector: RowCollector) async throws {
        let (work, feed) = AsyncStream<PlannedEntry>.makeStream()
        let (ended, end) = AsyncStream<Int>.makeStream()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                defer { end.finish() }
                try await withThrowingTaskGroup(of: Void.self) { inner in
                    inner.addTask {
                        defer { feed.finish() }
                        try await plan(chosen, Outlets(work: feed, ended: end, collector: collector))
                    }
                    inner.addTask { try await copyAll(work, Outlets(work: feed, ended: end, collector: collector)) }
                    try await inner.waitForAll()
                }
            }
            // The first task ends before the stream does, or with it; what is waited for beyond the bound may be it.
            var underWay = 0
            for await entry in ended {
                if underWay > Self.hookParallelism {
                    try await group.next()
                    underWay -= 1
                }
                underWay += 1
                group.addTask {
                    let hooks = configuration.entries[entry].hooks
                    let outcomes = try await runHooks(hooks, after: collector.report(of: entry), of: entry)
                    collector.add(outcomes, entry: entry)
                }
            }
            try await group.waitForAll()
        }
    }

    private func plan(_ chosen: [Int], _ outlets: Outlets) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (position, entry) in chosen.enumerated() {
                if position >= Self.planningParallelism { try await group.next() }
                group.addTask { try await plan(entry, outlets) }
            }
            try await group.waitForAll()
        }
    }

    private func plan(_ position: Int, _ outlets: Outlets) async throws {
        let entry = configuration.entries[position]
        outlets.collector.begin(entry: position)
        do {
            let plan = try await EntryPlanner(entry: entry, source: source(of: entry), client: client, cache: cache)
                .plan()
            for warning in plan.warnings { logger.warning("\(warning)", metadata: entry.metadata) }
            progress.planned(tags: plan.tags.count)
            if outlets.collector.expect(plan.tags.count, of: position) { outlets.ended.yield(position) }
            outlets.work.yield(PlannedEntry(position: position, plan: plan))
        } catch let error where !error.isCancellation {
            progress.planned(tags: 1)
            progress.finished(failed: true)
            _ = outlets.collector.expect(1, of: position)
            outlets.add(failure(of: entry, position: position, tag: nil, error: error), order: 0)
        }
    }

    private func copyAll(_ work: AsyncStream<PlannedEntry>, _ outlets: Outlets) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            var underWay = 0
            for await entry in work {
                for item in entry.tags {
                    if underWay >= options.parallelism {
                        try await group.next()
                        underWay -= 1
                    }
                    underWay += 1
                    group.addTask {
                        let row = try await perform(item)
                        progress.finished(failed: row.status == .failed)
                        outlets.add(row, order: item.order)
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}

/// Where planning and copying put what they have.
private struct Outlets: Sendable {
    let work: AsyncStream<PlannedEntry>.Continuation
    /// Entries whose last tag has ended.
    let ended: AsyncStream<Int>.Continuation
    let collector: RowCollector

    func add(_ row: SyncReport.Row, order: Int) {
        if collector.add(row, order: order) { ended.yield(row.entry) }
    }
}

/// An entry whose tags are to be brought to their ends.
private struct PlannedEntry: Sendable {
    let position: Int
    let plan: EntryPlan

    var tags: some Sequence<TagWork> {
        plan.tags.enumerated().lazy.map { order, tag in
            TagWork(entry: position, order: order, tag: tag, referrerTags: plan.referrerTags)
        }
    }
}

/// One tag, with its place in the report.
struct TagWork: Sendable {
    let entry: Int
    let order: Int
    let tag: EntryPlan.Tag
    /// See ``EntryPlan/referrerTags``.
    let referrerTags: Set<TagName>?
}

extension Configuration.Entry {
    var metadata: Logger.Metadata {
        ["source": "\(source)", "target": "\(target)"]
    }
}

extension Error {
    var isCancellation: Bool { self is CancellationError }
}
