import ArgumentParser
import Cache
import FoundationEssentials
import Glibc
import Lifecycle
import Logging
import OCI
import Registry
import Sync

/// `imglife sync`: mirrors what the configuration says.
struct SyncCommand: Subcommand {
    static let configuration = CommandConfiguration(
        commandName: "sync",
        abstract: "Mirror the images that the configuration names.",
        discussion: "Exit codes: 0 all entries synced; 1 one or more failed; 64 bad usage; 78 invalid configuration."
    )

    /// So many tags get a line of their own above the bars; the summary counts the others.
    private static let finishedLines = 12

    /// How the report is written.
    enum Output: String, CaseIterable, ExpressibleByArgument {
        case text
        case json
    }

    @ParentCommand var parent: Imglife
    var copies: Bool { true }

    @Flag(help: "Decide everything, write nothing, push nothing.")
    var dryRun = false

    @Flag(help: "Print the tags that would be synced, and exit.")
    var list = false

    @Flag(help: "Use only what the cache holds: ask no upstream and push from the cache.")
    var offline = false

    @Option(
        name: .customLong("entry"),
        parsing: .singleValue,
        help: ArgumentHelp("Only entries whose source or target matches the glob; repeatable.", valueName: "pattern"),
        completion: .entries
    )
    var entries: [String] = []

    @Option(help: "The result on standard output: text, or one JSON document (see 'imglife schema report').")
    var output = Output.text

    @Option(help: "Progress on standard error: auto (bars on a terminal), plain (a line now and then) or none.")
    var progress = ProgressStyle.Mode.auto

    @OptionGroup var repetition: RepetitionOptions

    func validate() throws {
        guard !list || repetition.every == nil && repetition.metricsFile == nil else {
            throw ValidationError("--list cannot stand beside --every or --metrics-file")
        }
        guard repetition.metricsFile.map({ !["", "-"].contains($0) }) ?? true else {
            throw ValidationError("--metrics-file must name a file, which is replaced after each run")
        }
    }

    func run() async throws {
        try await Failure.exiting {
            if let path = repetition.metricsFile { try MetricsFile(path: path).check() }
            if let interval = repetition.every { return try await runRepeatedly(every: interval) }
            let measure = measure
            try await measure.watching {
                let session = try Session(options: parent.options, copies: copies)
                _ = try options(for: session)
                try await Interruption.run(logger: session.logger) { try await run(session, measure) }
            }
        }
    }

    /// For one run.
    var measure: RunMeasure { RunMeasure(dryRun ? nil : repetition.metricsFile) }

    /// One run, or a list.
    func run(_ session: Session, _ measure: RunMeasure) async throws {
        let session = isWatched(session) && session.logger.logLevel > .debug ? session.watched() : session
        let options = try options(for: session)
        let waits = WaitingHosts()
        var registries = try await session.usableRegistries
        registries.onWaiting = { waits.note($0) }
        try await RegistryClient.with(registries) { client in
            if list {
                try await OfflineCache(lookingOnly: session, isNeeded: offline)
                    .opened { try await printList(session, client, $0, options) }
            } else {
                try await sync(session, client, options, waits, measure)
            }
        }
    }

    func options(for session: Session) throws -> Syncer.Options {
        var options = Syncer.Options()
        options.parallelism = session.settings.parallelism
        options.isOffline = offline
        options.isWatched = isWatched(session)
        options.hooks = HookRunner(environment: ProcessInfo.processInfo.environment, logger: session.logger)
        guard !entries.isEmpty else { return options }
        options.entries = try Set(session.positions(matching: entries))
        return options
    }

    /// A person who sees bars and the summary on one terminal needs no line of the log for each tag.
    private func isWatched(_ session: Session) -> Bool {
        ProgressStyle(progress, of: session).form == .live && output == .text && isatty(STDOUT_FILENO) == 1
    }

    private func sync(
        _ session: Session,
        _ client: RegistryClient,
        _ options: Syncer.Options,
        _ waits: WaitingHosts,
        _ measure: RunMeasure
    ) async throws {
        if offline, !dryRun { _ = try OfflineCache(session) }
        let (report, failure): (SyncReport, (any Error)?) =
            if dryRun {
                try await OfflineCache(lookingOnly: session, isNeeded: offline)
                    .opened { (try await run(session, client, $0, options, waits, measure), nil) }
            } else {
                try await ContentCache.with(session.cache) { cache in
                    let report = try await Self.keepingLayout(of: cache) {
                        try await run(session, client, cache, options, waits, measure)
                    }
                    let upkeep = CacheUpkeep(cache: cache, session: session)
                    return (report, await upkeep.afterRun(report, wasWhole: entries.isEmpty && !offline))
                }
            }
        // Who stops the program meanwhile wants no figures any more, but what the run has come to.
        let lifecycle = try? await session.lifecycleFigures(of: report, isOffline: offline)
        // Neither waits for the other: both may be on a disk that is full.
        let hasFailed = failure != nil
        async let measured: Void = measure.tell(report, hasFailed: hasFailed)
        try tell(report, lifecycle, session)
        try await measured
        if let failure { throw failure }
        if report.errors + report.hookErrors > 0 { throw Failure.failed }
    }

    private func tell(_ report: SyncReport, _ lifecycle: LifecycleFigures?, _ session: Session) throws {
        switch output {
        case .text:
            var summary = summary(report, session)
            summary.lifecycle = lifecycle.flatMap(LifecycleLine.init)?.description
            try StandardOutput.write(summary.text)
            if dryRun { try StandardOutput.write(ForeseenLines(report: report, columns: Terminal.outputColumns).text) }
        case .json:
            try StandardOutput.write(document(of: report, lifecycle).text)
        }
    }

    private func summary(_ report: SyncReport, _ session: Session) -> SummaryText {
        var summary = SummaryText(report: report, style: .standardOutput(session.environment))
        summary.columns = Terminal.outputColumns
        return summary
    }

    private func document(of report: SyncReport, _ lifecycle: LifecycleFigures?) -> ReportDocument {
        var document = ReportDocument(report, started: report.started)
        document.lifecycle = lifecycle.map(ReportDocument.Lifecycle.init)
        guard !report.hooks.isEmpty else { return document }
        document.hooks = report.hooks.map { record in
            var hook = ReportDocument.Hook(
                entry: record.entry,
                name: record.outcome.name,
                failure: record.outcome.isFailure ? "\(record.outcome)" : nil,
                isIgnored: record.outcome.hook.continuesOnError
            )
            hook.isSkipped = record.outcome.result == .skipped
            return hook
        }
        return document
    }

    /// Other tools read the cache by its `index.json`: it is brought up to date also when a run fails.
    private static func keepingLayout(
        of cache: ContentCache,
        _ body: () async throws -> SyncReport
    ) async throws -> SyncReport {
        do {
            return try await body()
        } catch {
            try? await cache.writeLayout()
            throw error
        }
    }

    private func run(
        _ session: Session,
        _ client: RegistryClient,
        _ cache: ContentCache?,
        _ options: Syncer.Options,
        _ waits: WaitingHosts,
        _ measure: RunMeasure
    ) async throws -> SyncReport {
        let syncer = session.syncer(client, cache, options)
        var display = ProgressDisplay(style: ProgressStyle(progress, of: session), progress: syncer.progress)
        display.wait = { waits.wait(oldest: client.oldestRequest) }
        if options.isWatched, !dryRun, session.logger.logLevel > .debug { display.finishedLines = Self.finishedLines }
        do {
            return try await display.showing { try await dryRun ? syncer.foresee() : syncer.run() }
        } catch let error as CancellationError {
            var report = syncer.soFar()
            report.isDryRun = dryRun
            try? await measure.tell(report, hasFailed: true)
            if output == .text { try? StandardOutput.write(interrupted(report, syncer, session).text) }
            throw error
        }
    }

    /// What a run had come to when it was stopped.
    private func interrupted(_ report: SyncReport, _ syncer: Syncer, _ session: Session) -> SummaryText {
        var summary = summary(report, session)
        let snapshot = syncer.progress.snapshot
        summary.unfinished = SummaryText.Unfinished(
            tags: snapshot.tags - snapshot.finishedTags,
            entries: snapshot.pendingEntries
        )
        return summary
    }

    private func printList(
        _ session: Session,
        _ client: RegistryClient,
        _ cache: ContentCache?,
        _ options: Syncer.Options
    ) async throws {
        let plan = try await session.syncer(client, cache, options).list()
        let document = PlanDocument(plan, of: session.configuration, kind: .list)
        try StandardOutput.offer(output == .json ? CacheDocument.text(document) : document.list)
        if plan.failures > 0 { throw Failure.failed }
    }
}
