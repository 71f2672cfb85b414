import ArgumentParser
import Cache
import Concurrency
import FoundationEssentials
import Logging
import OCI
import Registry
import Serve
import Sync
import Synchronization

/// The syncs of `serve --sync-every`: one process, one cache.
final class ServedSync: Sendable {
    /// What `/metrics` says of the last run.
    private struct State {
        var metrics: RunMetrics?
        var lastSuccess: Double?
    }

    private let current: CurrentSession
    private let state = Mutex(State())

    init(_ current: CurrentSession) {
        self.current = current
    }

    var gauges: [ServeMetrics.Gauge] { state.withLock { $0.metrics?.gauges ?? [] } }

    /// Reads the configuration again; the next run follows it.
    func reload() { current.reload() }

    /// Runs at the interval until the task is cancelled, which stops a run that is under way.
    ///
    /// - Throws: `CancellationError` only.
    func run(every interval: Duration, in cache: ContentCache) async throws {
        let session = current.value
        let memory = ScheduleMemory(
            cacheDirectory: session.cacheDirectory,
            configuration: session.file,
            logger: session.logger
        )
        let elapsed = memory.lastBeginning().map { Duration.seconds(Date().timeIntervalSince($0)) }
        try await Schedule(interval: interval).run(Concurrency.Timer(ContinuousClock()), since: elapsed) {
            let beginning = Date()
            await sync(current.value, in: cache)
            try Task.checkCancellation()
            memory.note(beginning)
        }
    }

    /// One run; whatever it fails of is told, and the next one may do better.
    private func sync(_ session: Session, in cache: ContentCache) async {
        do {
            var options = Syncer.Options()
            options.parallelism = session.settings.parallelism
            options.hooks = HookRunner(environment: ProcessInfo.processInfo.environment, logger: session.logger)
            let report = try await RegistryClient.with(session.registries) { [options] client in
                try await session.syncer(client, cache, options).run()
            }
            try await cache.writeLayout()
            await session.noteUse(report, in: cache)
            if report.errors == 0 { try await cache.recovery.noteCompleteRun() }
            await session.keepQuota(of: cache)
            tell(report, session.logger)
        } catch is CancellationError {
        } catch {
            session.logger.error("the sync failed", metadata: ["error": "\(error)"])
        }
    }

    private func tell(_ report: SyncReport, _ logger: Logger) {
        let metadata: Logger.Metadata = [
            "managed": "\(report.managed)", "synced": "\(report.synced)", "up_to_date": "\(report.upToDate)",
            "errors": "\(report.errors + report.hookErrors)",
        ]
        logger.notice("sync ended", metadata: metadata)
        state.withLock { state in
            let ended = Date()
            state.metrics = RunMetrics(report, ended: ended, lastSuccess: state.lastSuccess)
            if report.errors + report.hookErrors == 0 { state.lastSuccess = ended.timeIntervalSince1970.rounded() }
        }
    }
}

extension ServeCommand {
    /// What `--sync-every` asks for; `nil` without it.
    ///
    /// - Throws: `ValidationError` without entries.
    func servedSync(_ access: CacheAccess) throws -> ServedSync? {
        guard syncEvery != nil else { return nil }
        guard !access.session.configuration.entries.isEmpty else {
            throw ValidationError("--sync-every needs a configuration with entries: name it with --config")
        }
        return ServedSync(CurrentSession(access.session, options: parent.options) { _ in })
    }

    /// Syncs while the body runs, and stops a sync that is under way when the body has ended.
    func syncing(_ sync: ServedSync?, in cache: ContentCache, _ body: () async -> Void) async {
        guard let sync, let syncEvery else { return await body() }
        await withTaskGroup(of: Void.self) { group in
            // It ends by being cancelled, and by nothing else.
            group.addTask { try? await sync.run(every: syncEvery, in: cache) }
            await body()
            group.cancelAll()
        }
    }
}
