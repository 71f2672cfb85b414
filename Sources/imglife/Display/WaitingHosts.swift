import FoundationEssentials
import OCI
import Registry
import Synchronization

/// Whom a run waits for, as its live line names them.
final class WaitingHosts: Sendable {
    /// A request that has been answered by then is not worth a word.
    private static let patience = Duration.seconds(3)

    private let pauses = Mutex<[String: Waiting]>([:])

    /// Takes note of a pause that a registry has asked for.
    func note(_ pause: Waiting) {
        pauses.withLock { $0[pause.host] = pause }
    }

    /// Whom the run waits for, and why: the pause that lasts longest, else the request that does.
    func wait(now: Date = Date(), oldest request: PendingRequest?) -> Wait? {
        let pause = pauses.withLock { pauses in
            pauses = pauses.filter { $0.value.until > now }
            return pauses.values.max { $0.until < $1.until }
        }
        if let pause {
            let left = Elapsed(wholeSecondsOf: .seconds(pause.until.timeIntervalSince(now).rounded(.up)))
            return Wait(host: pause.host, text: "\(pause.reason), \(left) left", time: left.description)
        }
        guard let request, request.time >= Self.patience else { return nil }
        let time = Elapsed(wholeSecondsOf: request.time).description
        return Wait(host: request.host, text: "no answer for \(time)", time: time)
    }

    /// One host that is waited for.
    struct Wait: Hashable, CustomStringConvertible {
        let host: String
        /// Why, or how long.
        let text: String
        /// Until when, or how long.
        let time: String

        var description: String { "waiting for \(host.displaySafe): \(text.displaySafe)" }
        /// For where there is no room for the reason.
        var short: String { "waiting for \(host.displaySafe), \(time)" }
    }
}
