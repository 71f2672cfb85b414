import Synchronization

/// Has one ask alone whomever nobody has heard yet.
///
/// What the first hears may spare all others the question, so they wait for its first word, good or bad.
package final class FirstWord<Key: Hashable & Sendable>: Sendable {
    private enum State {
        case asked(since: Duration, waiting: [Signal<Void>])
        case heard(at: Duration)

        var isAsked: Bool {
            if case .asked = self { true } else { false }
        }
    }

    private enum Turn {
        case first
        case other
        case wait(Signal<Void>, since: Duration)
    }

    /// More are forgotten: whoever serves others for months asks for ever new ones.
    private static var capacity: Int { 4096 }

    private let timer: Timer
    private let patience: Duration?
    private let memory: Duration?
    private let states = Mutex<[Key: State]>([:])

    /// - Parameters:
    ///   - timer: by which both are told.
    ///   - patience: how long anybody is waited for that is the first; `nil` for ever.
    ///   - memory: how long a word counts; `nil` for ever.
    package init(_ timer: Timer, patience: Duration? = nil, memory: Duration? = nil) {
        self.timer = timer
        self.patience = patience
        self.memory = memory
    }

    /// Waits while somebody else is the first.
    ///
    /// - Returns: whether the caller is the first, who says ``heard(_:)`` or ``leave(_:)``; others need not.
    /// - Throws: `CancellationError`.
    package func wait(for key: Key) async throws -> Bool {
        while true {
            switch join(key) {
            case .first: return true
            case .other: return false
            case .wait(let signal, let since):
                guard let patience else {
                    try await signal.wait()
                    continue
                }
                do {
                    try await timer.limit(since + patience - timer.now()) { try await signal.wait() }
                } catch is Timer.Expired { return false }
            }
        }
    }

    private func join(_ key: Key) -> Turn {
        let now = timer.now()
        return states.withLock { states in
            switch states[key] {
            case .heard(let then) where memory.map { now - then < $0 } ?? true: return .other
            case .asked(let since, _) where patience.map { now - since >= $0 } ?? false: return .other
            case .asked(let since, let waiting):
                let signal = Signal<Void>()
                states[key] = .asked(since: since, waiting: waiting + [signal])
                return .wait(signal, since: since)
            case nil, .heard:
                if states.count >= Self.capacity { states = states.filter { $0.value.isAsked } }
                states[key] = .asked(since: now, waiting: [])
                return .first
            }
        }
    }

    /// Lets everybody in, from now on.
    package func heard(_ key: Key) {
        let now = timer.now()
        settle(key, .heard(at: now)) { _ in true }
    }

    /// Leaves without a word, where none has been heard: somebody else is the first then.
    package func leave(_ key: Key) { settle(key, nil) { $0.isAsked } }

    /// Forgets a word that has been heard.
    package func forget(_ key: Key) { settle(key, nil) { !$0.isAsked } }

    private func settle(_ key: Key, _ next: State?, where isMeant: (State) -> Bool) {
        let waiting = states.withLock { states -> [Signal<Void>] in
            guard let state = states[key], isMeant(state) else { return [] }
            states[key] = next
            guard case .asked(_, let waiting) = state else { return [] }
            return waiting
        }
        for signal in waiting { signal.send(()) }
    }
}
