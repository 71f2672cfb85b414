import Synchronization

/// Has one ask alone whomever nobody has heard yet.
///
/// What the first hears may spare all others the question, so they wait for its first word, good or bad.
package final class FirstWord<Key: Hashable & Sendable>: Sendable {
    /// The time while somebody asks alone.
    package struct Turn: Sendable {
        fileprivate let key: Key
        fileprivate let number: Int
    }

    private enum State {
        case asked(turn: Int, since: Duration, waiting: [Signal<Void>])
        case heard(at: Duration)

        /// The turn of who asks.
        var turn: Int? {
            if case .asked(let turn, _, _) = self { turn } else { nil }
        }
    }

    private enum Part {
        case first(Turn)
        case other
        case wait(Signal<Void>, since: Duration)
    }

    /// More are forgotten: whoever serves others for months asks for ever new ones.
    private static var capacity: Int { 4096 }

    private let timer: Timer
    private let patience: Duration?
    private let memory: Duration?
    private let states = Mutex<(of: [Key: State], turns: Int)>(([:], 0))

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
    /// - Returns: the caller's turn, if it is the first: it says ``heard(_:)`` or ``leave(_:)`` then.
    /// - Throws: `CancellationError`.
    package func wait(for key: Key) async throws -> Turn? {
        while true {
            switch join(key) {
            case .first(let turn): return turn
            case .other: return nil
            case .wait(let signal, let since):
                guard let patience else {
                    try await signal.wait()
                    continue
                }
                do {
                    try await timer.limit(since + patience - timer.now()) { try await signal.wait() }
                } catch is Timer.Expired { return nil }
            }
        }
    }

    private func join(_ key: Key) -> Part {
        let now = timer.now()
        return states.withLock { states in
            switch states.of[key] {
            case .heard(let then) where memory.map { now - then < $0 } ?? true: return .other
            case .asked(_, let since, _) where patience.map { now - since >= $0 } ?? false: return .other
            case .asked(let turn, let since, let waiting):
                let signal = Signal<Void>()
                states.of[key] = .asked(turn: turn, since: since, waiting: waiting + [signal])
                return .wait(signal, since: since)
            case nil, .heard:
                if states.of.count >= Self.capacity { states.of = states.of.filter { $0.value.turn != nil } }
                states.turns += 1
                states.of[key] = .asked(turn: states.turns, since: now, waiting: [])
                return .first(Turn(key: key, number: states.turns))
            }
        }
    }

    /// Lets everybody in, from now on.
    package func heard(_ key: Key) {
        let now = timer.now()
        settle(key, .heard(at: now)) { _ in true }
    }

    /// Leaves without a word, where none has been heard: somebody else is the first then.
    package func leave(_ turn: Turn) { settle(turn.key, nil) { $0.turn == turn.number } }

    /// Forgets a word that has been heard.
    package func forget(_ key: Key) { settle(key, nil) { $0.turn == nil } }

    private func settle(_ key: Key, _ next: State?, where isMeant: (State) -> Bool) {
        let waiting = states.withLock { states -> [Signal<Void>] in
            guard let state = states.of[key], isMeant(state) else { return [] }
            states.of[key] = next
            guard case .asked(_, _, let waiting) = state else { return [] }
            return waiting
        }
        for signal in waiting { signal.send(()) }
    }
}
