import Concurrency
import Glibc
import Subprocess
import Synchronization

/// One hook's shell, the processes it starts, and the clock that limits them.
///
/// The shell leads a session of its own, hence a process group and no terminal. It is reaped only after
/// ``supervise(_:)`` returned, so until then the group's number cannot come to mean other processes. When the shell has
/// ended, whatever the way, what is left of its group is killed at once: a hook that wants to leave something running
/// must give it its own session (`setsid`). Nobody waits for the pipe of such a process.
///
/// swift-subprocess resets signal dispositions and mask in the child, and closes all descriptors but the first three.
struct HookProcess {
    /// From TERM to KILL.
    static let gracePeriod: Duration = .seconds(5)

    /// The kernel's pipes hold no more than this by default's limit; what comes later is not the hook's.
    private static let maximumDrain = 1 << 20

    typealias Shell = Execution<NoInput, SequenceOutput, CombinedErrorOutput>

    let command: String
    let timeout: Duration
    let environment: [String: String]
    let clock: any Clock<Duration>

    /// Runs the command to its end, and hands on its output, stdout and stderr in the order in which they were written.
    ///
    /// - Throws: `SubprocessError` and ``RoomForPrograms/Lacking`` when the shell cannot be started, `CancellationError`; the
    ///   group is dead by then.
    func run(_ receive: @escaping @Sendable (UnsafeRawBufferPointer) -> Void) async throws -> HookOutcome.Result {
        try RoomForPrograms.check(opening: "/dev/null")
        var options = PlatformOptions()
        options.createSession = true
        options.teardownSequence = [
            .send(signal: .terminate, toProcessGroup: true, allowedDurationToNextStep: Self.gracePeriod)
        ]
        let result = try await Subprocess.run(
            .path(Self.literal("/bin/sh")),
            arguments: ["-c", command],
            environment: .custom(ProgramVariables.bytes(of: environment)),
            platformOptions: options,
            input: .none,
            output: .sequence,
            error: .combinedWithOutput
        ) { shell in
            await ProcessGroups.started.including(shell.processIdentifier.value) { await supervise(shell, receive) }
        }
        try Task.checkCancellation()
        if result.closureResult { return .timedOut }
        switch result.terminationStatus {
        case .exited(0): return .succeeded
        case .exited(let code): return .exited(code: code)
        case .signaled(let signal): return .signalled(signal)
        }
    }

    /// A path whose type belongs to a module that only swift-subprocess imports.
    private static func literal<Path: ExpressibleByStringLiteral>(_ text: Path.StringLiteralType) -> Path {
        Path(stringLiteral: text)
    }

    private enum Event {
        case shellEnded, outputEnded, expired, disarmed
    }

    /// - Returns: whether the timeout ended it.
    private func supervise(
        _ shell: Shell,
        _ receive: @escaping @Sendable (UnsafeRawBufferPointer) -> Void
    ) async -> Bool {
        let hasEnded = Flag()
        return await withTaskGroup(of: Event.self) { group in
            group.addTask { await read(shell, until: hasEnded, receive) }
            group.addTask { await expire(shell) }
            group.addTask {
                await end(of: shell)
                try? shell.send(signal: .kill, toProcessGroup: true)
                hasEnded.raise()
                return .shellEnded
            }
            var pending: Set<Event> = [.shellEnded, .outputEnded]
            var hasExpired = false
            for await event in group {
                pending.remove(event)
                if event == .expired { hasExpired = true }
                if pending.isEmpty { group.cancelAll() }
            }
            return hasExpired
        }
    }

    /// Waits until the shell has ended; it stays unreaped.
    ///
    /// A teardown whose one step, the signal 0, does nothing but wait. It ignores cancellation: the sequence of the
    /// platform options ends the shell then.
    private func end(of shell: Shell) async {
        await shell.teardown(
            using: [.send(signal: Signal(rawValue: 0), allowedDurationToNextStep: timeout + .seconds(1 << 30))]
        )
    }

    /// Whether it has ended, and waits to be reaped.
    private static func hasEnded(_ process: pid_t) -> Bool {
        var state = siginfo_t()
        return waitid(P_PID, id_t(process), &state, WEXITED | WNOHANG | WNOWAIT) == 0 && state.si_signo == SIGCHLD
    }

    private func expire(_ shell: Shell) async -> Event {
        do { try await clock.sleep(for: timeout) } catch { return .disarmed }
        // Whoever was stopped meanwhile learns of both at the same moment.
        guard !Self.hasEnded(shell.processIdentifier.value) else { return .disarmed }
        try? shell.send(signal: .terminate, toProcessGroup: true)
        do { try await clock.sleep(for: Self.gracePeriod) } catch { return .expired }
        try? shell.send(signal: .kill, toProcessGroup: true)
        return .expired
    }

    private func read(
        _ shell: Shell,
        until hasEnded: Flag,
        _ receive: @Sendable (UnsafeRawBufferPointer) -> Void
    ) async -> Event {
        var drained = 0
        do {
            for try await buffer in shell.standardOutput {
                buffer.withUnsafeBytes(receive)
                if hasEnded.isRaised { drained += buffer.count }
                if drained > Self.maximumDrain { break }
            }
        } catch {
            // A pipe that cannot be read any more has ended; how the shell ends decides about the hook.
        }
        return .outputEnded
    }
}

/// A bit that goes from one task to another.
private final class Flag: Sendable {
    private let value = Atomic(false)

    var isRaised: Bool { value.load(ordering: .acquiring) }

    func raise() {
        value.store(true, ordering: .releasing)
    }
}
