import Sync

/// Bars on a terminal, redrawn in place.
struct LiveProgress: Sendable {
    let progress: SyncProgress
    let terminal: Terminal
    var clock: any Clock<Duration> = ContinuousClock()
    /// Tells whom the run waits for at the moment.
    var wait: @Sendable () -> WaitingHosts.Wait? = { nil }
    /// Lines about finished tags that are still to be shown; what is beyond them the summary counts.
    var finishedLines = 0

    /// Runs the work with the bars on the screen; they are gone when it ends, however it does.
    func showing<Result>(_ work: () async throws -> Result) async throws -> Result {
        async let _ = animate(clock)
        return try await work()
    }

    /// Ten frames a second at most, until the task is cancelled.
    private func animate(_ clock: some Clock<Duration>) async {
        let start = clock.now
        var rate = TransferRate()
        var pace = Pace()
        var lines = finishedLines
        while (try? await clock.sleep(for: .milliseconds(100))) != nil {
            let elapsed = start.duration(to: clock.now)
            let snapshot = progress.snapshot
            rate.add(bytes: snapshot.bytes, at: elapsed)
            pace.add(bytes: snapshot.passedBytes, at: elapsed)
            tellFinished(&lines)
            let wait = wait()
            terminal.draw { size in
                ProgressFrame(
                    snapshot: snapshot,
                    width: size.columns,
                    height: size.rows,
                    elapsed: elapsed,
                    rate: rate.bytesPerSecond,
                    pace: pace.bytesPerSecond,
                    wait: wait
                ).lines
            }
        }
        // Of what ended since the last frame as well.
        tellFinished(&lines)
        terminal.clear()
    }

    private func tellFinished(_ lines: inout Int) {
        for finished in progress.takeFinished() where lines > 0 {
            lines -= 1
            terminal.write(FinishedLine(finished: finished).text(columns: terminal.size.columns - 1) + "\n")
        }
    }
}
