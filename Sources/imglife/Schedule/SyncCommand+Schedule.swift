import ArgumentParser
import Concurrency
import FoundationEssentials
import Logging
import OCI
import Registry
import Sync
import Synchronization

extension SyncCommand {
    /// Runs at the interval until INT or TERM; HUP reads the configuration again.
    ///
    /// - Throws: `ExitCode` 130 or 143 when a run was cut short; ends in order while it waits.
    func runRepeatedly(every interval: Duration) async throws {
        // What a single run would not begin with no schedule begins with either.
        let first = try await measure.watching {
            let session = try Session(options: parent.options, copies: copies)
            _ = try options(for: session)
            try await session.usableRegistries.check()
            return session
        }
        let current = CurrentSession(first, options: parent.options, copies: true) { session in
            _ = try options(for: session)
        }
        let output = LogOutput(format: first.logFormat, level: .warning)
        let tellLoss = { @Sendable (count: Int) in output.loss(of: count) }
        // Nobody reads the log at times: that must not keep a run from its end, nor a signal from being heard.
        try await Terminal.standardError.gathering(tellLoss: tellLoss) {
            try await Stopping.run(logger: first.logger, words: "stopping; partial downloads are kept") { stop in
                let code = try await withThrowingTaskGroup(of: CInt?.self) { group in
                    defer { group.cancelAll() }
                    group.addTask {
                        try await repeatedly(current, every: interval)
                        return nil
                    }
                    group.addTask { await stop.wait { await current.reload() } }
                    return try await group.next() ?? nil
                }
                if let code, current.isRunning.load(ordering: .acquiring) { throw ExitCode(code) }
            }
        }
    }

    private func repeatedly(_ current: CurrentSession, every interval: Duration) async throws {
        let session = current.value
        let memory = ScheduleMemory(
            cacheDirectory: session.cacheDirectory,
            configuration: session.file,
            part: Set(entries).sorted().map { "--entry \($0)" } + (offline ? ["--offline"] : []),
            logger: session.logger
        )
        let elapsed = memory.lastBeginning().map { Duration.seconds(Date().timeIntervalSince($0)) }
        var schedule = Schedule(interval: interval)
        schedule.onWait = { session.logger.notice("next run", metadata: ["in": "\($0.shown)"]) }
        try await schedule.run(Concurrency.Timer(ContinuousClock()), since: elapsed) {
            let beginning = Date()
            current.isRunning.store(true, ordering: .releasing)
            await runOnce(current.value)
            try Task.checkCancellation()
            current.isRunning.store(false, ordering: .releasing)
            if !dryRun { memory.note(beginning) }
        }
    }

    /// One run of the schedule; whatever it fails of is told, and the next one may do better.
    private func runOnce(_ session: Session) async {
        do {
            let measure = measure
            try await measure.watching { try await run(session, measure) }
        } catch is CancellationError {
        } catch let error as ExitCode {
            session.logger.warning("the run had errors", metadata: ["status": "\(error.rawValue)"])
        } catch {
            session.logger.error("the run failed", metadata: ["error": "\(error)"])
        }
    }
}

extension Duration {
    /// Whole seconds, as people write them: `5h59m12s`.
    fileprivate var shown: String {
        let seconds = max(1, components.seconds)
        let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")]
        return parts.filter { $0.0 > 0 }.map { "\($0.0)\($0.1)" }.joined()
    }
}
