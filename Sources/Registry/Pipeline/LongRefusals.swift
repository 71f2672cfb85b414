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
