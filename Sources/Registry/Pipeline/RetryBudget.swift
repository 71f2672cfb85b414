import Concurrency
import FoundationEssentials
import Logging
import OCI
import Synchronization

/// The tries and the waiting of one operation, whatever it takes: requests, tokens, redirects, parts of a blob.
///
/// What is left of it is shared by all of its loops, so that loops within loops never multiply.
final class RetryBudget: Sendable {
    private struct State {
        /// Tries in a row without progress.
        var failures = 0
        /// Requests that were answered with a time to wait.
        var refusals = 0
        /// Cleared by every answer: the connection that it came by may have gone stale since.
        var hasUsedFreeTry = false
        var staleConnections = 0
        var avoidsKept = false
        var lags = RetryBudget.lags[...]
    }

    /// How long what was just pushed may be unknown to the registry itself: copies between its machines take time.
    private static let lags: [Duration] = [.milliseconds(500), .seconds(1), .seconds(2)]

    /// How many kept connections may prove stale in a row: all that are kept to a host in both lanes, where many requests of
    /// one operation are under way.
    private static let keptConnections = 2 * ConnectionBudget.standard

    /// How long an operation has been asked to wait; what its parts wait for side by side counts once.
    private final class Waits: Sendable {
        private let state = Mutex((total: Duration.zero, end: Duration.zero))

        func adding(_ pause: Duration, from now: Duration) -> Duration {
            state.withLock { state in
                let end = max(state.end, now + pause)
                state.total += end - max(state.end, now)
                state.end = end
                return state.total
            }
        }
    }

    private enum Step {
        /// Now, or as soon as the gate lets it through.
        case again
        case wait(Duration, next: Int)
        case giveUp(RegistryError)
    }

    /// Whether somebody else has what is asked for, so that nobody waits for this host.
    let hasAlternative: Bool
    private let retry: Retry
    private let state = Mutex(State())
    private let waits: Waits

    init(_ retry: Retry, hasAlternative: Bool = false) {
        self.retry = retry
        self.hasAlternative = hasAlternative
        waits = Waits()
    }

    private init(partOf whole: RetryBudget) {
        retry = whole.retry
        hasAlternative = whole.hasAlternative
        waits = whole.waits
    }

    /// Tries for a part that is under way beside others, all of which wait no longer together than the whole may.
    func part() -> RetryBudget { RetryBudget(partOf: self) }

    /// Progress was made: the tries start from the beginning.
    func progressed() {
        state.withLock { state in
            (state.failures, state.staleConnections) = (0, 0)
            (state.hasUsedFreeTry, state.avoidsKept) = (false, false)
        }
    }

    /// A connection ended before an answer began: others that are kept may end the same way.
    func avoidKeptConnections() { state.withLock { $0.avoidsKept = true } }

    /// Whether requests go over new connections, until there is progress.
    var avoidsKeptConnections: Bool { state.withLock { $0.avoidsKept } }

    /// Whether the try that is under way ends the operation when it fails.
    var isAtLastTry: Bool { state.withLock { $0.failures + 1 >= retry.policy.attempts } }

    /// The back-off that is due next, before jitter: no wait is shorter, whatever a registry says.
    var ordinaryDelay: Duration {
        state.withLock { retry.policy.delay(afterAttempt: $0.failures + $0.refusals + 1) }
    }

    /// Waits until the next try.
    ///
    /// - Throws: the error, with the number of tries, when there is to be none.
    func wait(after error: any Error, _ context: CallContext) async throws {
        try Task.checkCancellation()
        guard let error = error as? RegistryError, error.tries == nil else { throw error }
        switch state.withLock({ step(after: error, &$0) }) {
        case .again: return
        case .giveUp(let final): throw final
        case .wait(let delay, let next):
            // What is not there yet, or not at this mirror, worries nobody.
            let isExpected = error.kind == .notFound || error.isLag || error.pause != nil
            retry.logger.log(
                level: isExpected ? .debug : .warning,
                "trying again",
                metadata: [
                    "try": "\(next) of \(maximumTries(error))", "action": "\(context.action.rawValue)",
                    "place": "\(context.place)", "error": "\(error.reason)",
                    "wait": "\(Int64(delay / .milliseconds(1))) ms",
                ]
            )
            try await retry.timer.sleep(delay)
        }
    }

    private func step(after error: RegistryError, _ state: inout State) -> Step {
        if error.isAwaitingSource { return .again }
        if error.status != nil { state.hasUsedFreeTry = false }
        if error.isLag {
            return state.lags.popFirst().map { .wait($0, next: state.failures + 1) } ?? .giveUp(final(error, state))
        }
        if let pause = error.pause {
            if !error.isUnsent { state.refusals += 1 }
            let waited = waits.adding(pause, from: retry.timer.now())
            guard waited <= retry.policy.maximumRetryAfter, !hasAlternative else {
                return .giveUp(final(retry.rateLimited(error, pause), state))
            }
            // A gate holds back what is asked of the registry itself.
            return error.isLed ? .wait(pause, next: state.failures + 1) : .again
        }
        if error.isStale, state.staleConnections < Self.keptConnections {
            state.staleConnections += 1
            // The next one is new: what ends that is no stale connection.
            state.hasUsedFreeTry = true
            return .again
        }
        if error.isBeforeAnswer, !state.hasUsedFreeTry {
            state.hasUsedFreeTry = true
            return .again
        }
        state.failures += 1
        guard error.isRetryable || error.isRetriedOnce, !isHang(error), state.failures < maximumTries(error) else {
            return .giveUp(final(error, state))
        }
        return .wait(retry.policy.jitteredDelay(afterAttempt: state.failures), next: state.failures + 1)
    }

    /// Whoever has somebody else to ask waits only once for a host that gives no sign.
    private func isHang(_ error: RegistryError) -> Bool { hasAlternative && error.kind == .timeout }

    private func final(_ error: RegistryError, _ state: State) -> RegistryError {
        var error = error
        error.tries = max(1, state.failures + state.refusals)
        return error
    }

    private func maximumTries(_ error: RegistryError) -> Int {
        let isLimited = error.isRetriedOnce || error.kind == .connection(.unknownHost)
        return isLimited ? min(2, retry.policy.attempts) : retry.policy.attempts
    }
}
