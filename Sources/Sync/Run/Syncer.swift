package import Cache
import Concurrency
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
        /// Ask no upstream: the cache is the source, also in a dry run.
        package var isOffline = false
        /// Positions of the entries to run; `nil` runs all.
        package var entries: Set<Int>?
        /// Somebody watches what becomes of each tag, so that the log tells it at its debug level only.
        package var isWatched = false
        /// Runs the configuration's hooks; `nil` runs none.
        package var hooks: HookRunner?

        package init() {}
    }

    /// How many entries' hooks run at a time; a program of its own is behind each.
    static let hookParallelism = 8
    /// How many tags are under way beside those whose blobs are copied, where images need not come one after the other:
    /// they are compared, and their manifests read, before it is their turn, or their manifests are pushed after it.
    private static let beside = 4

    let configuration: Configuration
    let cache: ContentCache?
    let options: Options
    let logger: Logger
    /// The cache where names were lost with its index and no run has brought them back yet.
    private(set) var cacheWithoutNames: ContentCache?
    package let progress = SyncProgress()
    let collector = RowCollector()
    private let started = Date()
    private let start = ContinuousClock.now
    let known = KnownContent()
    let early = EarlyBytes()
    let manifests = ReadManifests()
    let turns: Turns
    let places: ImagePlaces
    /// Those of the entries, in their order.
    let routes: [SyncReport.Route]

    /// - Parameters:
    ///   - configuration: what to mirror.
    ///   - client: reaches sources and targets.
    ///   - cache: what the images pass through; who only looks can do without.
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
        self.cache = cache
        self.options = options
        self.logger = logger
        turns = Turns(options.parallelism)
        places = ImagePlaces(
            registries: configuration.registries,
            client: client,
            health: MirrorHealth(logger: logger, clock: client.clock),
            held: options.isOffline ? cache : nil
        )
        routes = configuration.entries.map { SyncReport.Route(source: $0.source, target: $0.target) }
    }

    /// Runs every entry and returns when the last has ended.
    ///
    /// - Returns: the report; failed entries and tags are rows of it, not errors.
    /// - Throws: `CancellationError` only.
    package func run() async throws -> SyncReport {
        progress.expect(entries: chosen.count)
        var run = self
        if options.isOffline { _ = try? await cache?.names.settlePulled() }
        if !options.isOffline, let cache, (try? await cache.recovery.lacksNames()) ?? true {
            run.cacheWithoutNames = cache
        }
        try await run.runEntries(chosen, collector)
        try Task.checkCancellation()
        var report = soFar()
        do {
            collector.add(try await runHooks(configuration.hooks[.postSync], after: report, of: nil), entry: nil)
        } catch {
            collector.giveBack(report.rows)
            throw error
        }
        report.hooks = collector.hooks
        report.warnings = collector.warnings
        report.duration = ContinuousClock.now - start
        return report
    }

    /// What has come to its end, which is not all after a run that was stopped; the rows are handed over.
    package func soFar() -> SyncReport {
        var report = SyncReport()
        report.rows = collector.takeRows()
        report.bytesBesideRows = collector.unfinishedBytes
        report.bytesBesideRows += early.rest
        report.unnamed = collector.unnamed
        report.started = started
        report.duration = ContinuousClock.now - start
        report.hooks = collector.hooks
        report.warnings = collector.warnings
        return report
    }

    /// The positions of the entries that are run.
    var chosen: [Int] { configuration.entries.indices.filter { options.entries?.contains($0) ?? true } }

    /// Plans, copies and runs the hooks of entries, each entry at its own pace.
    private func runEntries(_ chosen: [Int], _ collector: RowCollector) async throws {
        let work = TagLine(
            news: places.client.pauses,
            limit: limit(for:),
            isHeldBack: { isHeldBack($0.entry) },
            onNews: turns.giveBackHeld
        )
        let (ended, end) = AsyncStream<Int>.makeStream()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                defer { end.finish() }
                try await withThrowingTaskGroup(of: Void.self) { inner in
                    let outlets = Outlets(work: work, ended: end, collector: collector)
                    inner.addTask {
                        defer { work.complete() }
                        try await plan(chosen, outlets)
                    }
                    inner.addTask { try await copyAll(outlets) }
                    try await inner.waitForAll()
                }
            }
            group.addTask { try await runHooks(ofEntries: ended, collector) }
            try await group.waitForAll()
        }
    }

    private func runHooks(ofEntries ended: AsyncStream<Int>, _ collector: RowCollector) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            var underWay = 0
            for await entry in ended {
                if underWay >= Self.hookParallelism {
                    try await group.next()
                    underWay -= 1
                }
                underWay += 1
                group.addTask {
                    let hooks = configuration.entries[entry].hooks[.postSync]
                    let outcomes = try await runHooks(hooks, after: collector.report(of: entry), of: entry)
                    collector.add(outcomes, entry: entry)
                }
            }
            try await group.waitForAll()
        }
    }

    /// A source whose manifests are read once, whether to plan or to copy.
    func source(at location: RepositoryReference) -> any ImageSource { manifests.through(places.source(at: location)) }

    var planner: Planner {
        Planner(
            configuration: configuration,
            cache: cache,
            source: source(at:),
            target: { places.target(at: $0) },
            isHeldBack: isHeldBack,
            pauses: { places.client.pauses },
            early: early
        )
    }

    private func plan(_ chosen: [Int], _ outlets: Outlets) async throws {
        try await planner.plan(chosen, to: .decisions) {
            outlets.collector.begin(entry: $0)
        } deliver: { outcome in
            switch outcome {
            case .planned(let plan): take(plan, outlets)
            case .failed(let entry, let error): fail(entry, error, outlets)
            }
        }
    }

    private func take(_ plan: EntryPlan, _ outlets: Outlets) {
        let entry = configuration.entries[plan.entry]
        for warning in plan.warnings {
            logger.warning("\(warning)", metadata: entry.metadata)
            outlets.collector.add(warning, entry: plan.entry)
        }
        progress.planned(tags: plan.tags.count)
        if outlets.collector.expect(plan.tags.count, of: plan.entry) { outlets.ended.yield(plan.entry) }
        outlets.work.add(plan.work)
    }

    private func fail(_ position: Int, _ error: any Error, _ outlets: Outlets) {
        progress.planned(tags: 1)
        _ = outlets.collector.expect(1, of: position)
        let row = failure(of: position, tag: nil, error: error)
        progress.finished(row)
        outlets.add(row, order: 0)
    }

    private func copyAll(_ outlets: Outlets) async throws {
        try await outlets.work.run { item in
            let row = try await TagRun(item, of: self).perform()
            progress.finished(row)
            outlets.add(row, order: item.order)
        }
    }

    /// Whether a host that an entry needs wants no requests for a time.
    func isHeldBack(_ position: Int) -> Bool {
        // Asked for each tag many times.
        guard places.client.wasHeldBack else { return false }
        let route = routes[position]
        return places.client.isHeldBack(route.target.host)
            || !options.isOffline && places.client.isHeldBack(route.source.host)
    }

    /// How many tags may be under way when this one begins: where it is to be copied, as many as a far host takes at a time.
    private func limit(for item: TagWork) -> Int {
        guard options.parallelism > 1 else { return 1 }
        let ordinary = options.parallelism + Self.beside
        guard case .copy = item.tag.decision, turns.hasSpace else { return ordinary }
        return max(ordinary, room(for: item.entry)?.tags ?? 0)
    }

    /// What keeps the connections to an entry's far hosts busy; `nil` where none is far.
    func room(for position: Int) -> FarRoom? {
        let entry = configuration.entries[position]
        return places.room(from: entry.source, to: entry.target)
    }
}

extension Syncer {
    func row(of position: Int, tag: EntryPlan.Tag?, _ status: SyncReport.Status) -> SyncReport.Row {
        SyncReport.Row(
            entry: position,
            route: routes[position],
            sourceTag: tag?.source,
            targetTag: tag?.target,
            status: status
        )
    }

    func failure(of position: Int, tag: EntryPlan.Tag?, error: any Error) -> SyncReport.Row {
        let reason = String(describing: error)
        var metadata = configuration.entries[position].metadata
        metadata["tag"] = tag.map { "\($0.source)" }
        metadata["error"] = "\(reason)"
        tell(.error, "failed", metadata)
        var row = row(of: position, tag: tag, .failed)
        row.reason = reason
        row.code = FailureCode(error)
        row.tries = (error as? RegistryError)?.tries
        return row
    }

    /// What became of a tag: somebody who watches sees it elsewhere, and needs no line of the log beside it.
    func tell(_ level: Logger.Level, _ message: Logger.Message, _ metadata: Logger.Metadata) {
        logger.log(level: options.isWatched ? .debug : level, message, metadata: metadata)
    }
}

/// Where planning and copying put what they have.
private struct Outlets: Sendable {
    let work: TagLine
    /// Entries whose last tag has ended.
    let ended: AsyncStream<Int>.Continuation
    let collector: RowCollector

    func add(_ row: SyncReport.Row, order: Int) {
        if collector.add(row, order: order) { ended.yield(row.entry) }
    }
}

private typealias TagLine = WorkLine<EntryWork>

extension Configuration.Entry {
    var metadata: Logger.Metadata {
        ["source": "\(source)", "target": "\(target)"]
    }

    func metadata(of tag: EntryPlan.Tag) -> Logger.Metadata {
        ["source": "\(source):\(tag.source)", "target": "\(target):\(tag.target)"]
    }
}

extension Error {
    var isCancellation: Bool { self is CancellationError }
}
