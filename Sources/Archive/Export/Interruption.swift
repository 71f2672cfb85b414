import Synchronization

/// Tells a thread that writes into a pipe that nobody waits for it any more.
final class Interruption: Sendable {
    private let state = Atomic(false)

    var isRaised: Bool { state.load(ordering: .acquiring) }

    func raise() { state.store(true, ordering: .releasing) }
}
