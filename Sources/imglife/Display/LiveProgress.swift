import Sync

/// Bars on a terminal, redrawn in place.
struct LiveProgress: Sendable {
    let progress: SyncProgress
    let terminal: Terminal
    var clock: any Clock<Duration> = ContinuousClock()

    /// Runs the work with the bars on the screen; they are gone when it ends, however it does.
    func showing<Result>(_ work: () async throws -> Result) async throws -> Result {
        async let _ = animate(clock)
        return try await work()
    }

    /// Ten frames a second at most, until the task is cancelled.
    private func animate(_ clock: some Clock<Duration>) async {
        let start = clock.now
        var rate = TransferRate()
        while (try? await clock.sleep(for: .milliseconds(100))) != nil {
            let elapsed = start.duration(to: clock.now)
            let snapshot = progress.snapshot
            rate.add(bytes: snapshot.bytes, at: elapsed)
            terminal.draw { size in
                ProgressFrame(
                    snapshot: snapshot,
                    width: size.columns,
                    height: size.rows,
                    elapsed: elapsed,
                    rate: rate.bytesPerSecond
                ).lines
            }
        }
        terminal.clear()
    }
}
