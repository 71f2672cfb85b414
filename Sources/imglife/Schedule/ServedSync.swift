import Cache
import Concurrency
import FoundationEssentials
import Lifecycle
import Logging
import OCI
import Page
import Registry
import Serve
import Sync
import Synchronization

/// The syncs of `serve --sync-every`: one process, one cache.
final class ServedSync: Sendable {
    /// How many runs the page can tell of.
    private static let runsKept = 10

    /// What `/metrics` and the page say of the last runs.
    private struct State {
        /// How the last one ended, also of an earlier process.
        var end: RunEnd?
        var metrics: RunMetrics?
        var runs = PageRuns()
    }

    private let current: CurrentSession
    private let memory: ScheduleMemory
    private let state: Mutex<State>

    init(_ current: CurrentSession) {
        self.current = current
        let session = current.value
        memory = ScheduleMemory(
            cacheDirectory: session.cacheDirectory,
            configuration: session.file,
            logger: session.logger
        )
        let end = memory.lastEnd()
        state = Mutex(State(end: end, metrics: end.map { RunMetrics($0) }))
    }

    var gauges: [ServeMetrics.Gauge] { state.withLock { $0.metrics?.gauges ?? [] } }

    /// The last runs, for the page.
    var runs: PageRuns { state.withLock { $0.runs } }

    /// Runs at the interval until the task is cancelled, which stops a run that is under way.
    ///
    /// `connections` are those of the server, where it has some: a host's limit holds for both together.
    ///
    /// - Throws: `CancellationError` only.
    func run(every interval: Duration, in cache: ContentCache, by connections: RegistryConnections?) async throws {
        let elapsed = memory.lastBeginning().map { Duration.seconds(Date().timeIntervalSince($0)) }
        try await Schedule(interval: interval).run(Concurrency.Timer(ContinuousClock()), since: elapsed) {
            let beginning = Date()
            state.withLock { $0.runs.isRunning = true }
            defer { state.withLock { $0.runs.isRunning = false } }
            await sync(current.value, in: cache, by: connections)
            try Task.checkCancellation()
            memory.note(beginning, state.withLock { $0.end })
        }
    }

    /// One run; whatever it fails of is told, and the next one may do better.
    private func sync(_ session: Session, in cache: ContentCache, by connections: RegistryConnections?) async {
        let began = Date()
        do {
            let report = try await report(session, cache, connections)
            let failure = await CacheUpkeep(cache: cache, session: session).afterRun(report, wasWhole: true)
            let lifecycle = try? await session.lifecycleFigures(of: report, isOffline: false)
            guard !Task.isCancelled else { return }
            tell(report, lifecycle, failure, session.logger)
        } catch is CancellationError {
        } catch {
            session.logger.error("the sync failed", metadata: ["error": "\(error)"])
            var run = PageRun(began: began.seconds, ended: Date().seconds)
            run.problem = "\(error)"
            note(run)
            measure(SyncReport(), hasFailed: true)
        }
    }

    private func report(
        _ session: Session,
        _ cache: ContentCache,
        _ connections: RegistryConnections?
    ) async throws -> SyncReport {
        var options = Syncer.Options()
        options.parallelism = session.settings.parallelism
        options.hooks = HookRunner(environment: ProcessInfo.processInfo.environment, logger: session.logger)
        var registries = try await session.usableRegistries
        connections?.share(with: &registries)
        // What a run has needed is not needed any more after it, though the server lives on.
        return try await cache.holdingMeanwhile { [registries, options] cache in
            try await RegistryClient.with(registries) { client in
                try await session.syncer(client, cache, options).run()
            }
        }
    }

    private func note(_ run: PageRun) {
        state.withLock { $0.runs.ended = [run] + $0.runs.ended.prefix(Self.runsKept - 1) }
    }

    private func measure(_ report: SyncReport, hasFailed: Bool) {
        state.withLock { state in
            let end = RunEnd(report, ended: Date(), lastSuccess: state.end?.lastSuccess, hasFailed: hasFailed)
            state.end = end
            state.metrics = RunMetrics(end, report)
        }
    }

    private func tell(
        _ report: SyncReport,
        _ lifecycle: LifecycleFigures?,
        _ failure: (any Error)?,
        _ logger: Logger
    ) {
        var metadata: Logger.Metadata = [
            "managed": "\(report.managed)", "synced": "\(report.synced)", "up_to_date": "\(report.upToDate)",
            "errors": "\(report.errors)", "hook_errors": "\(report.hookErrors)",
        ]
        if let lifecycle, lifecycle.tracked > 0 {
            metadata["end_of_life"] = "\(lifecycle.ended)"
            metadata["ending_soon"] = "\(lifecycle.endingSoon)"
        }
        logger.notice("sync ended", metadata: metadata)
        if let failure { logger.error("the cache was not looked after", metadata: ["error": "\(failure)"]) }
        var run = PageRun(report)
        run.problem = failure.map { "\($0)" } ?? report.hooks.map(\.outcome).first(where: \.isError)?.description
        note(run)
        measure(report, hasFailed: failure != nil)
    }
}

extension PageRun {
    init(_ report: SyncReport) {
        let began = report.started.seconds
        self.init(began: began, ended: began + report.duration.components.seconds)
        tags = report.managed
        synced = report.synced
        repositories = Set(report.rows.map(\.source))
        failures = report.rows.filter { $0.status == .failed }.map { row in
            Failure(row.source, row.sourceTag, reason: row.reason ?? "it failed")
        }
    }
}

extension Date {
    /// Since 1970.
    fileprivate var seconds: Int64 { Int64(timeIntervalSince1970) }
}

extension ServeCommand {
    /// What `--sync-every` asks for; `nil` without it.
    ///
    /// - Throws: as ``Session/usableRegistries``.
    func servedSync(_ current: CurrentSession) async throws -> ServedSync? {
        guard syncEvery != nil else { return nil }
        _ = try await current.value.usableRegistries
        return ServedSync(current)
    }

    /// Syncs while the body runs, and stops a sync that is under way when the body has ended.
    func syncing(
        _ sync: ServedSync?,
        in cache: ContentCache,
        by connections: RegistryConnections?,
        _ body: () async -> Void
    ) async {
        guard let sync, let syncEvery else { return await body() }
        await withTaskGroup(of: Void.self) { group in
            // It ends by being cancelled, and by nothing else.
            group.addTask { try? await sync.run(every: syncEvery, in: cache, by: connections) }
            await body()
            group.cancelAll()
        }
    }
}
