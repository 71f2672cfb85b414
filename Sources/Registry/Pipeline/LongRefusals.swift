import Concurrency
import NIOHTTP1
import OCI
import Synchronization

/// The kinds of requests that a host wants none of for longer than anybody waits.
///
/// They are not sent for as long as somebody would wait at most; then the host is asked again, whatever it has said.
/// Other kinds are: a registry that counts manifests gives blobs, and tells whether a tag has moved.
final class LongRefusals: Sendable {
    private struct Kind: Hashable {
        let action: RegistryError.Action
        let method: String

        init(_ request: HTTPRequest) {
            action = request.context.action
            method = request.method.rawValue
        }
    }

    private struct Refusal {
        let status: Int
        /// When the host wants requests again.
        let end: Duration
        /// When it is asked again.
        let renewal: Duration
    }

    private let patience: Duration
    private let timer: Timer
    private let refusals = Mutex<[Kind: Refusal]>([:])

    /// `patience` is how long somebody waits at most.
    init(patience: Duration, timer: Timer) {
        self.patience = patience
        self.timer = timer
    }

    /// The host has answered a request with a time to wait that is longer than the patience.
    func refused(_ request: HTTPRequest, status: Int, for delay: Duration) {
        let now = timer.now()
        let refusal = Refusal(status: status, end: now + delay, renewal: now + min(delay, patience))
        refusals.withLock { $0[Kind(request)] = refusal }
    }

    /// The host has answered a request.
    func answered(_ request: HTTPRequest) {
        refusals.withLock { if !$0.isEmpty { $0[Kind(request)] = nil } }
    }

    /// With which status the host has refused such requests, and how much longer it wants none.
    ///
    /// - Returns: `nil` where it may be asked.
    func standing(against request: HTTPRequest) -> (status: Int, left: Duration)? {
        let now = timer.now()
        return refusals.withLock { refusals in
            guard let refusal = refusals[Kind(request)], now < refusal.renewal else { return nil }
            return (refusal.status, refusal.end - now)
        }
    }
}

/// How a host, or somebody to whom it leads, is left alone by its own word.
struct HostPatience: Sendable {
    /// How long it may want no requests, and answer nothing else, before it is given up for as long as it wants none.
    private static let limit = Duration.seconds(900)

    let gate: HostGate
    let refusals: LongRefusals
    private let retry: Retry

    init(_ gate: HostGate, _ retry: Retry) {
        self.gate = gate
        self.retry = retry
        refusals = LongRefusals(patience: retry.policy.maximumRetryAfter, timer: retry.timer)
    }

    /// The host has answered a request.
    func answered(_ request: HTTPRequest) {
        gate.answered()
        refusals.answered(request)
    }

    /// Where one operation after the other would wait in vain, those that begin later need not.
    func check(_ request: HTTPRequest) throws(RegistryError) {
        if let standing = refusals.standing(against: request) {
            throw refusal(request.context, "", status: standing.status, left: standing.left)
        }
        guard let left = gate.pauseLeft(refusingFor: Self.limit) else { return }
        throw refusal(
            request.context,
            "it has refused everything for \(Self.limit.components.seconds / 60) minutes",
            left: left
        )
    }

    func refusal(
        _ context: CallContext,
        _ detail: String,
        status: Int = 429,
        left: Duration
    ) -> RegistryError {
        retry.rateLimited(context.error(.unavailable, detail, status: status), left)
    }
}
