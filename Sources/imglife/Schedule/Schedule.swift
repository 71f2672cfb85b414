import Concurrency

/// When runs begin that are repeated at an interval: never two at once, and not in step with everybody else's.
struct Schedule: Sendable {
    /// From the beginning of a run to the beginning of the next one, at least.
    let interval: Duration
    /// Told each time how long there is to wait.
    var onWait: @Sendable (Duration) -> Void = { _ in }
    /// From 0 to 1, for the jitter.
    var chance: @Sendable () -> Double = { .random(in: 0...1) }

    /// A share of the interval, so that many machines do not ask one registry at the same moment: at most a tenth of it
    /// and ten minutes.
    static let jitter = 0.1
    static let longestJitter = Duration.seconds(600)

    /// How long to wait before the first run.
    ///
    /// - Parameter elapsed: since the last run of an earlier process began; `nil` when none is remembered.
    /// - Returns: zero when it is due, or when the clock says that the last run lies ahead.
    func firstDelay(since elapsed: Duration?) -> Duration {
        guard let elapsed, elapsed >= .zero else { return .zero }
        return max(.zero, interval - elapsed)
    }

    /// How long to wait after a run.
    ///
    /// - Parameters:
    ///   - duration: how long the run took; the time that it ran over is not made up for.
    ///   - chance: from 0 to 1.
    /// - Returns: at least the jitter, so that runs which take longer than the interval do not become one.
    func delay(after duration: Duration, chance: Double) -> Duration {
        let jitter = min(interval * (Self.jitter * chance), Self.longestJitter)
        return max(.zero, interval - duration) + jitter
    }
}

extension Schedule {
    /// Runs the work again and again, until the task is cancelled.
    ///
    /// - Parameters:
    ///   - timer: the monotonic clock.
    ///   - elapsed: since the last run of an earlier process began.
    ///   - work: one run. What it throws ends the schedule; a run that failed is for the work to tell.
    /// - Throws: `CancellationError`; otherwise what the work throws.
    func run(
        _ timer: Concurrency.Timer,
        since elapsed: Duration?,
        _ work: () async throws -> Void
    ) async throws {
        var delay = firstDelay(since: elapsed)
        while true {
            try Task.checkCancellation()
            if delay > .zero {
                onWait(delay)
                try await timer.sleep(delay)
            }
            let began = timer.now()
            try await work()
            delay = self.delay(after: timer.now() - began, chance: chance())
        }
    }
}
