package import Cache
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
        /// Positions of the entries to run; `nil` runs all.
        package var entries: Set<Int>?

        package init() {}
    }

    /// How many entries are listed at a time.
    static let planningParallelism = 8

    let configuration: Configuration
    let client: RegistryClient
    let cache: ContentCache?
    let options: Options
    let logger: Logger
    package let progress = SyncProgress()
    let ledger = TargetLedger()

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
    }

    /// Runs every entry and returns when the last has ended.
    ///
    /// - Returns: the report; failed entries and tags are rows of it, not errors.
    /// - Throws: `CancellationError` only.
    package func run() async throws -> SyncReport {
        let start = ContinuousClock.now
        let chosen = configuration.entries.indices.filter { options.entries?.contains($0) ?? true }
        progress.expect(entries: chosen.count)
        let (work, feed) = AsyncStream<TagWork>.makeStream()
        let collector = RowCollector()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                defer { feed.finish() }
                try await plan(chosen, into: feed, collector: collector)
            }
            group.addTask { try await copyAll(work, collector: collector) }
            try await group.waitForAll()
        }
        try Task.checkCancellation()
        var report = SyncReport()
        report.rows = collector.rows
        report.isDryRun = options.isDryRun
        report.duration = ContinuousClock.now - start
        return report
    }

    private func plan(
        _ chosen: [Int],
        into feed: AsyncStream<TagWork>.Continuation,
        collector: RowCollector
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (position, entry) in chosen.enumerated() {
                if position >= Self.planningParallelism { try await group.next() }
                group.addTask { try await plan(entry, into: feed, collector: collector) }
            }
            try await group.waitForAll()
        }
    }

    private func plan(
        _ position: Int,
        into feed: AsyncStream<TagWork>.Continuation,
        collector: RowCollector
    ) async throws {
        let entry = configuration.entries[position]
        do {
            let plan = try await EntryPlanner(entry: entry, client: client, cache: cache).plan()
            for warning in plan.warnings { logger.warning("\(warning)", metadata: entry.metadata) }
            progress.planned(tags: plan.tags.count)
            for (order, tag) in plan.tags.enumerated() {
                feed.yield(TagWork(entry: position, order: order, tag: tag, referrerTags: plan.referrerTags))
            }
        } catch let error where !error.isCancellation {
            progress.planned(tags: 1)
            progress.finished(failed: true)
            let row = failure(of: entry, position: position, tag: nil, error: error)
            collector.add(row, entry: position, order: 0)
        }
    }

    private func copyAll(_ work: AsyncStream<TagWork>, collector: RowCollector) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            var underWay = 0
            for await item in work {
                if underWay >= options.parallelism {
                    try await group.next()
                    underWay -= 1
                }
                underWay += 1
                group.addTask {
                    let row = try await perform(item)
                    progress.finished(failed: row.status == .failed)
                    collector.add(row, entry: item.entry, order: item.order)
                }
            }
            try await group.waitForAll()
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
