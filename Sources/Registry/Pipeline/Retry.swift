import Concurrency
package import FoundationEssentials
import Logging
import OCI

/// A host that wants no requests for a time, as a display shows it.
package struct Waiting: Hashable, Sendable {
    /// Whom everybody waits for: `registry.example.com`.
    package let host: String
    /// Why, safe to display: `429 TOOMANYREQUESTS`.
    package let reason: String
    /// On the wall clock.
    package let until: Date
}

/// Tries operations again, by the rules that tell which failures are worth it.
struct Retry: Sendable {
    let policy: RetryPolicy
    let timer: Timer
    let date: @Sendable () -> Date
    let logger: Logger
    private let report: @Sendable (Waiting) -> Void

    init(_ configuration: RegistryConfiguration) {
        policy = configuration.retry
        timer = Timer(configuration.clock)
        date = configuration.date
        logger = configuration.logger
        report = configuration.onWaiting
    }

    /// The beginning of an operation.
    func context(
        _ action: RegistryError.Action,
        _ location: RepositoryReference,
        hasAlternative: Bool = false
    ) -> CallContext {
        CallContext(action: action, location: location, budget: RetryBudget(self, hasAlternative: hasAlternative))
    }

    /// Runs an operation, or a step of one, until it succeeds, fails for good, or the tries are used up.
    ///
    /// - Throws: what the last try threw.
    func run<Result>(
        _ context: CallContext,
        _ attempt: () async throws -> Result
    ) async throws -> Result {
        while true {
            do {
                let result = try await attempt()
                context.budget.progressed()
                return result
            } catch {
                try await context.budget.wait(after: error, context)
            }
        }
    }

    /// Tells once of a pause who waits for whom, why and until when.
    func tell(_ host: String, _ reason: String, waits delay: Duration) {
        let until = time(after: delay)
        logger.notice(
            "a host wants no requests for a time",
            metadata: ["host": "\(host)", "reason": "\(reason)", "until": "\(until.formatted(.iso8601))"]
        )
        report(Waiting(host: host, reason: reason, until: until))
    }

    func rateLimited(_ error: RegistryError, _ delay: Duration) -> RegistryError {
        var error = error
        error.kind = .rateLimited(until: time(after: delay))
        return error
    }

    private func time(after delay: Duration) -> Date {
        date().addingTimeInterval(TimeInterval(delay.components.seconds))
    }
}
