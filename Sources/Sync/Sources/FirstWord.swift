import Concurrency
import OCI
import Synchronization

/// Has one ask alone whomever nobody has heard yet.
///
/// What the first hears may spare all others the question, so they wait for its first word, good or bad.
final class FirstWord: Sendable {
    private enum State {
        case asked(waiting: [Signal<Void>])
        case heard
    }

    private let hosts = Mutex<[RegistryHost: State]>([:])

    /// Waits while somebody else is the first.
    ///
    /// - Throws: `CancellationError`.
    func wait(for host: RegistryHost) async throws {
        while let other = hosts.withLock({ Self.join(&$0[host]) }) { try await other.wait() }
    }

    private static func join(_ state: inout State?) -> Signal<Void>? {
        switch state {
        case .heard: return nil
        case nil:
            state = .asked(waiting: [])
            return nil
        case .asked(let waiting):
            let signal = Signal<Void>()
            state = .asked(waiting: waiting + [signal])
            return signal
        }
    }

    /// Lets everybody in, from now on.
    func heard(_ host: RegistryHost) { settle(host, .heard) }

    /// Leaves without a word, where none has been heard: somebody else is the first then.
    func leave(_ host: RegistryHost) { settle(host, nil) }

    private func settle(_ host: RegistryHost, _ next: State?) {
        let waiting = hosts.withLock { hosts -> [Signal<Void>] in
            guard case .asked(let waiting)? = hosts[host] else { return [] }
            hosts[host] = next
            return waiting
        }
        for signal in waiting { signal.send(()) }
    }
}
