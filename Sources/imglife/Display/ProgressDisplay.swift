import Sync

/// Shows how far a run is on standard error, in the way that suits whoever reads it.
struct ProgressDisplay: Sendable {
    let style: ProgressStyle
    let progress: SyncProgress
    var clock: any Clock<Duration> = ContinuousClock()
    /// Tells whom the run waits for at the moment.
    var wait: @Sendable () -> WaitingHosts.Wait? = { nil }
    /// How many finished tags get a line of their own above the bars.
    var finishedLines = 0

    /// Runs the work and shows its progress meanwhile.
    func showing<Result>(_ work: () async throws -> Result) async throws -> Result {
        let terminal = style.terminal
        switch style.form {
        case .nothing: return try await work()
        case .live:
            var live = LiveProgress(progress: progress, terminal: terminal, clock: clock)
            live.wait = wait
            live.finishedLines = finishedLines
            return try await live.showing(work)
        case .plain:
            let tell = { @Sendable (line: String) in terminal.write(line) }
            var plain = PlainProgress(progress: progress, format: style.format, clock: clock, tell: tell)
            plain.wait = wait
            return try await plain.showing(work)
        }
    }
}
