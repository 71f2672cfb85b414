import ArgumentParser
import Sync

/// Shows how far a run is on standard error, in the way that suits whoever reads it.
struct ProgressDisplay: Sendable {
    /// What `--progress` asks for.
    enum Mode: String, CaseIterable, ExpressibleByArgument, Sendable {
        /// Bars on a terminal, else as `plain`.
        case auto
        /// A line now and then.
        case plain
        case none
    }

    /// What is shown in the end.
    enum Form: Sendable {
        case live
        case plain
        case nothing
    }

    let mode: Mode
    let progress: SyncProgress
    let environment: [String: String]
    /// Of plain lines.
    var format = GlobalOptions.LogFormat.text
    var terminal = Terminal.standardError
    var clock: any Clock<Duration> = ContinuousClock()
    /// Tells whom the run waits for at the moment.
    var wait: @Sendable () -> WaitingHosts.Wait? = { nil }
    /// How many finished tags get a line of their own above the bars.
    var finishedLines = 0

    var form: Form { Self.form(mode, environment: environment, terminal: terminal) }

    /// A terminal without a name, or with the name `dumb`, is not trusted to move its cursor.
    static func form(_ mode: Mode, environment: [String: String], terminal: Terminal) -> Form {
        switch mode {
        case .none: return .nothing
        case .plain: return .plain
        case .auto:
            let isCapable = ![nil, "", "dumb"].contains(environment["TERM"])
            return isCapable && terminal.isTerminal ? .live : .plain
        }
    }

    /// Runs the work and shows its progress meanwhile.
    func showing<Result>(_ work: () async throws -> Result) async throws -> Result {
        switch form {
        case .nothing: return try await work()
        case .live:
            var live = LiveProgress(progress: progress, terminal: terminal, clock: clock)
            live.wait = wait
            live.finishedLines = finishedLines
            return try await live.showing(work)
        case .plain:
            var plain = PlainProgress(progress: progress, format: format, clock: clock, tell: { terminal.write($0) })
            plain.wait = wait
            return try await plain.showing(work)
        }
    }
}
