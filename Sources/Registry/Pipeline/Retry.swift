import Concurrency
import FoundationEssentials
import Logging
import OCI

/// Tries operations again, by the rules that tell which failures are worth it.
struct Retrier: Sendable {
    let policy: RetryPolicy
    let timer: Timer
    let date: @Sendable () -> Date
    let logger: Logger

    /// A failed try whose registry said how long to wait; the wait happens at the gate and uses up no try.
    struct Paused: Error {
        let delay: Duration
        let error: RegistryError
    }

    /// Counts the tries of one operation.
    struct Count: Sendable {
        fileprivate var failures = 0
        fileprivate var waited = Duration.zero
        fileprivate var hasUsedFreeTry = false

        /// Progress was made: the tries start from the beginning.
        mutating func reset() { failures = 0 }
    }

    /// Runs an operation until it succeeds, fails for good, or its tries are used up.
    ///
    /// - Throws: what the last try threw.
    func run<Result>(_ context: CallContext, _ attempt: () async throws -> Result) async throws -> Result {
        var count = Count()
        while true {
            do {
                return try await attempt()
            } catch {
                try await wait(after: error, context, &count)
            }
        }
    }

    /// Waits until the next try.
    ///
    /// - Throws: the error, when there is to be none.
    func wait(after error: any Error, _ context: CallContext, _ count: inout Count) async throws {
        try Task.checkCancellation()
        if let paused = error as? Paused {
            count.waited += paused.delay
            guard count.waited <= policy.maximumRetryAfter else { throw rateLimited(paused) }
            return
        }
        guard let error = error as? RegistryError else { throw error }
        if error.isBeforeAnswer, !count.hasUsedFreeTry {
            count.hasUsedFreeTry = true
            return
        }
        count.failures += 1
        guard error.isRetryable || error.isRetriedOnce, count.failures < maximumTries(error) else { throw error }
        let delay = policy.jitteredDelay(afterAttempt: count.failures)
        logger.debug(
            "trying again",
            metadata: [
                "action": "\(context.action.rawValue)", "place": "\(context.location)", "error": "\(error)",
                "try": "\(count.failures + 1)",
            ]
        )
        try await timer.sleep(delay)
    }

    private func maximumTries(_ error: RegistryError) -> Int {
        let isLimited = error.isRetriedOnce || error.kind == .connection(.unknownHost)
        return isLimited ? min(2, policy.attempts) : policy.attempts
    }

    private func rateLimited(_ paused: Paused) -> RegistryError {
        var error = paused.error
        let (seconds, _) = paused.delay.components
        error.kind = .rateLimited(until: date().addingTimeInterval(TimeInterval(seconds)))
        return error
    }

    /// The error of an answer; a rate limit pauses the gate.
    func failure(
        _ answer: Answer,
        _ context: CallContext,
        credential: Credential?,
        secrets: [Secret] = [],
        gate: HostGate
    ) -> any Error {
        let error = RegistryError(answer, context, credential: credential, secrets: secrets)
        guard answer.status == 429 || answer.status == 503 else { return error }
        let text = answer.header("Retry-After") ?? answer.header("X-Retry-After")
        if let delay = text.flatMap({ RetryAfter.delay($0, now: date()) }) {
            // A longer one fails the operation at once, and must not keep others waiting either.
            if delay <= policy.maximumRetryAfter { gate.pause(for: delay) }
            return Paused(delay: delay, error: error)
        }
        if answer.status == 429 { gate.pause(for: policy.initialDelay) }
        return error
    }
}
