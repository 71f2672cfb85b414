/// How often and after which delays a failed operation is tried again.
package struct RetryPolicy: Hashable, Sendable {
    /// Tries in all, the first included; at least 1.
    package var attempts: Int
    /// The delay before the second try.
    package var initialDelay: Duration
    /// What each further delay is multiplied with; at least 1.
    package var backoff: Double
    /// A request's longest wait for its answer, and a body's longest time without progress.
    package var timeout: Duration
    /// The longest delay between two tries, before jitter.
    package var maximumDelay: Duration = .seconds(60)
    /// How long a registry's `Retry-After` is followed at most; a longer one fails the operation at once.
    package var maximumRetryAfter: Duration = .seconds(900)

    package init(
        attempts: Int = 3,
        initialDelay: Duration = .seconds(2),
        backoff: Double = 2,
        timeout: Duration = .seconds(60)
    ) {
        self.attempts = max(1, attempts)
        self.initialDelay = max(.zero, initialDelay)
        self.backoff = max(1, backoff)
        self.timeout = timeout
    }

    /// The delay after the given failed try (1 is the first), before jitter.
    package func delay(afterAttempt attempt: Int) -> Duration {
        guard backoff > 1, initialDelay > .zero else { return min(maximumDelay, max(.zero, initialDelay)) }
        // Never multiplied beyond the maximum: a Duration that overflows ends the process.
        let lastBelowMaximum = maximumDelay / backoff
        var delay = min(maximumDelay, initialDelay)
        for _ in 1..<max(1, attempt) {
            guard delay < lastBelowMaximum else { return maximumDelay }
            delay = delay * backoff
        }
        return delay
    }

    /// The same delay with up to 20 % added or taken away, so that many clients do not come back together.
    package func jitteredDelay(afterAttempt attempt: Int) -> Duration {
        delay(afterAttempt: attempt) * Double.random(in: 0.8...1.2)
    }
}
