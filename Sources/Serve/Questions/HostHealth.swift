import Concurrency
import OCI
import Synchronization

/// How the upstreams' hosts have answered lately, for all questions together.
///
/// A host that fails is left alone as a host, not name by name; one that has said for how long is left alone by everybody.
final class HostHealth: Sendable {
    private struct Failure {
        let error: UpstreamError
        let until: Duration
        /// Whether the host itself has said until when, or cannot be heard at all: then nobody asks before.
        let holdsForAll: Bool

        /// Whether the host itself has said until when, which no answer to what it was asked before takes back.
        func isSaid(at now: Duration) -> Bool { error.retryAfter != nil && until > now }
    }

    /// The longest time for which a host is left alone, whatever it says.
    static let longest = Duration.seconds(900)
    /// More than any configuration names.
    private static let capacity = 10_000

    private let time: Timer
    /// How long a host is left alone that does not say for how long.
    private let rest: Duration
    private let failures = Mutex<[RegistryHost: Failure]>([:])
    /// When each answered last.
    private let answers = Mutex<[RegistryHost: Duration]>([:])

    init(rest: Duration, time: Timer) {
        self.rest = rest
        self.time = time
    }

    /// Why a host is not asked now.
    ///
    /// - Parameters:
    ///   - host: who would be asked.
    ///   - isUrgent: nobody has an older answer, so that a failing host is asked all the same unless it has said not to,
    ///     or does not answer at all.
    /// - Returns: with how long it is still left alone, where it has said so.
    func refusal(of host: RegistryHost, isUrgent: Bool) -> UpstreamError? {
        let now = time.now()
        guard let failure = failures.withLock({ $0[host] }), failure.until > now, failure.holdsForAll || !isUrgent
        else { return nil }
        let error = failure.error
        return UpstreamError(
            error.kind,
            error.description,
            // What it was asked for then is another client's.
            told: "\(host) wants no requests now, or does not answer them",
            retryAfter: error.retryAfter.map { _ in failure.until - now },
            isOutOfReach: error.isOutOfReach,
            cause: error.cause
        )
    }

    /// Whether it failed when it was asked last, so that whoever has an older answer does not wait for it.
    func isDoubtful(_ host: RegistryHost) -> Bool { failures.withLock { $0[host] != nil } }

    /// Why nothing can be had from a host; `nil` where it has answered since, or may answer.
    func outage(of host: RegistryHost) -> UpstreamError? {
        guard let error = failures.withLock({ $0[host]?.error }), error.isOutOfReach else { return nil }
        return error
    }

    func answered(_ host: RegistryHost) {
        let now = time.now()
        failures.withLock { failures in
            if failures[host]?.isSaid(at: now) != true { failures[host] = nil }
        }
        answers.withLock { answers in
            if answers.count >= Self.capacity, answers[host] == nil { answers = [:] }
            answers[host] = now
        }
    }

    /// Asks a host something, and notes what that says of it.
    func hearing<R>(_ host: RegistryHost, _ body: () async throws -> R) async throws -> R {
        let began = time.now()
        do {
            let answer = try await body()
            answered(host)
            return answer
        } catch let error as UpstreamError {
            // One transfer that stands still says nothing of a host that answers others.
            let hasAnswered = answers.withLock { $0[host].map { $0 > began } ?? false }
            let isMute = hasAnswered ? false : nil
            if !note(error, of: host, isMute: isMute) { answered(host) }
            throw error
        }
    }

    /// Notes a failure where it says something about the host.
    ///
    /// - Parameters:
    ///   - error: what went wrong.
    ///   - host: who was asked.
    ///   - isMute: whether nothing can be heard of it, so that nobody need try; as the error's kind says by default.
    /// - Returns: whether it does.
    @discardableResult
    func note(_ error: UpstreamError, of host: RegistryHost, isMute: Bool? = nil) -> Bool {
        guard error.isPassing, !error.isElsewhere else { return false }
        let rest = error.retryAfter.map { min(max($0, .seconds(1)), Self.longest) } ?? rest
        let now = time.now()
        let failure = Failure(
            error: error,
            until: now + rest,
            holdsForAll: error.retryAfter != nil || isMute ?? (error.kind == .timeout)
        )
        failures.withLock { failures in
            if failures.count >= Self.capacity, failures[host] == nil { failures = [:] }
            // What a host has said itself is not shortened by somebody's patience.
            if let former = failures[host], former.holdsForAll, former.until > failure.until { return }
            // Nor is one that cannot be heard by what was asked of it before.
            if let former = failures[host], former.holdsForAll, !failure.holdsForAll, former.until > now { return }
            // Nor is it forgotten for what it has not said.
            if error.retryAfter == nil, failures[host]?.isSaid(at: now) == true { return }
            failures[host] = failure
        }
        return true
    }
}
