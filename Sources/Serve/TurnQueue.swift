import Concurrency
import Synchronization

/// A bounded number of places that clients take in turns, so that one who asks much takes nothing from the others.
///
/// Of a client's wishes the one with the lowest rank comes first, then the oldest.
final class TurnQueue: Sendable {
    private struct Waiting {
        let client: ServedClient
        let rank: Int64
        let turn: Signal<Void>
    }

    private struct State {
        var taken = 0
        var waiting: [Waiting] = []
        /// When a client had its last turn, while somebody waits.
        var turns: [ServedClient: Int] = [:]
        var turn = 0

        mutating func take(_ client: ServedClient) {
            taken += 1
            turn += 1
            turns[client] = turn
        }

        /// Takes out who comes next.
        mutating func next() -> Waiting? {
            let ranks = waiting.map { (turns[$0.client] ?? 0, $0.rank) }
            guard let index = waiting.indices.min(by: { ranks[$0] < ranks[$1] }) else { return nil }
            return waiting.remove(at: index)
        }
    }

    private let places: Int
    private let state = Mutex(State())

    init(places: Int) {
        self.places = places
    }

    var waitingCount: Int { state.withLock { $0.waiting.count } }

    /// Runs something in a place, when its turn has come.
    ///
    /// - Parameters:
    ///   - client: whose turn it is.
    ///   - rank: which of its wishes come first.
    ///   - onWait: called when it has to wait.
    ///   - body: what is done there.
    /// - Returns: what `body` returns.
    /// - Throws: what `body` throws; `CancellationError`.
    func withPlace<R>(
        _ client: ServedClient,
        rank: Int64 = 0,
        onWait: () -> Void = {},
        _ body: () async throws -> R
    ) async throws -> R {
        try await take(client, rank, onWait)
        defer { leave() }
        return try await body()
    }

    private func take(_ client: ServedClient, _ rank: Int64, _ onWait: () -> Void) async throws {
        let signal = Signal<Void>()
        let hasPlace = state.withLock { state in
            guard state.taken >= places else {
                state.take(client)
                return true
            }
            state.waiting.append(Waiting(client: client, rank: rank, turn: signal))
            return false
        }
        guard !hasPlace else { return }
        onWait()
        guard await signal.value() == nil else { return }
        state.withLock { $0.waiting.removeAll { $0.turn === signal } }
        throw CancellationError()
    }

    private func leave() {
        state.withLock { state in
            state.taken -= 1
            while state.taken < places, let next = state.next() {
                if next.turn.send(()) { state.take(next.client) }
            }
            if state.waiting.isEmpty { state.turns = [:] }
        }
    }
}
