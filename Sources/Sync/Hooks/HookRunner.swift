import Concurrency
package import Logging
import OCI
import Subprocess
import Synchronization

/// Runs the commands that follow an entry or a run.
///
/// Each is `/bin/sh -c cmd`, in a process group of its own, with nothing substituted into it: what it is told comes in
/// environment variables. Its stdin is empty; stdout and stderr go to the log line by line, at most 1 MiB. At its timeout
/// the whole group gets TERM, and KILL five seconds later. What is left of the group when the shell has ended is killed,
/// so that no hook outlives its turn unless it makes a session of its own.
package struct HookRunner: Sendable {
    private let environment: [String: String]
    private let logger: Logger
    private let clock: any Clock<Duration>

    /// - Parameters:
    ///   - environment: what hooks inherit: the process's own. Registry secrets are taken out of it here.
    ///   - logger: gets the output at `info`, and what became of each hook.
    ///   - clock: measures the timeouts.
    package init(
        environment: [String: String],
        logger: Logger,
        clock: any Clock<Duration> = ContinuousClock()
    ) {
        self.environment = environment
        self.logger = logger
        self.clock = clock
    }

    /// Runs the hooks one after the other, in the list's order.
    ///
    /// A hook that fails is no thrown error: the later ones are skipped unless it says `continue_on_error`, and the
    /// caller counts the outcomes that say ``HookOutcome/isError``.
    ///
    /// - Returns: one outcome for each hook, in the same order.
    /// - Throws: `CancellationError`; the running hook's group is dead by then.
    package func run(_ hooks: [Hook], context: HookContext) async throws -> [HookOutcome] {
        let environment = HookEnvironment(inherited: environment, context: context)
        if environment.omittedTags > 0, !hooks.isEmpty {
            logger.warning(
                "IMGLIFE_TAGS has no room for all tags; the report has them",
                metadata: ["hook": "\(Self.name(of: 0, context))", "omitted": "\(environment.omittedTags)"]
            )
        }
        var outcomes: [HookOutcome] = []
        var isStopped = false
        for (index, hook) in hooks.enumerated() {
            let name = Self.name(of: index, context)
            let result = isStopped ? .skipped : try await run(hook, name, environment.variables)
            let outcome = HookOutcome(hook: hook, name: name, result: result)
            log(outcome)
            outcomes.append(outcome)
            if outcome.isError { isStopped = true }
        }
        return outcomes
    }

    private func run(
        _ hook: Hook,
        _ name: String,
        _ variables: [String: String]
    ) async throws -> HookOutcome.Result {
        try Task.checkCancellation()
        logger.debug("hook starts", metadata: ["hook": "\(name)"])
        let output = LockedOutput(HookOutput(logger: logger, metadata: ["hook": "\(name)"]))
        let process = HookProcess(
            command: hook.command,
            timeout: hook.timeout,
            environment: variables,
            clock: clock
        )
        defer { _ = output.finish() }
        do {
            let result = try await process.run { output.receive($0) }
            let last = output.finish()
            if result != .succeeded, logger.logLevel > .info {
                for line in last {
                    logger.log(
                        level: failureLevel(of: hook),
                        "hook output",
                        metadata: ["hook": "\(name)", "line": "\(line)"]
                    )
                }
            }
            return result
        } catch let error as SubprocessError {
            try Task.checkCancellation()
            return .notStarted(reason: "\(error)")
        } catch let error as RoomForPrograms.Lacking {
            return .notStarted(reason: "\(error)")
        }
    }

    private func log(_ outcome: HookOutcome) {
        let level: Logger.Level =
            switch outcome.result {
            case .succeeded: .debug
            case .skipped: .warning
            default: failureLevel(of: outcome.hook)
            }
        logger.log(level: level, "hook ended", metadata: ["hook": "\(outcome.name)", "outcome": "\(outcome.end)"])
    }

    private func failureLevel(of hook: Hook) -> Logger.Level { hook.continuesOnError ? .warning : .error }

    private static func name(of index: Int, _ context: HookContext) -> String {
        let entry = context.entry.map { "entries[\($0)]." } ?? ""
        let name = "sync.\(entry)hooks.\(context.event.rawValue)[\(index)]"
        return context.source.map { "\(name) of \($0)" } ?? name
    }
}

/// A hook's output behind a lock: its reader is another task than its owner.
private final class LockedOutput: Sendable {
    private let output: Mutex<HookOutput>

    init(_ output: HookOutput) {
        self.output = Mutex(output)
    }

    func receive(_ bytes: UnsafeRawBufferPointer) {
        output.withLock { $0.receive(bytes) }
    }

    /// - Returns: the last lines.
    func finish() -> [String] {
        output.withLock { output in
            output.finish()
            return output.last
        }
    }
}
