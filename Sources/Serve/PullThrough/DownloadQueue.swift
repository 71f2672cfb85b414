import Cache
import Concurrency
import OCI
import Synchronization

/// Who may download next from a host: each client in its turn, and of a client's wishes the smallest.
final class DownloadQueue: Sendable {
    struct Wish: Sendable {
        let host: RegistryHost
        /// Who asked for it first.
        let client: ServedClient
        /// In bytes.
        let size: Int64
        let demand: Demand
    }

    private struct Waiting {
        let wish: Wish
        let turn: Signal<Void>
    }

    private struct Line {
        var running: [ObjectIdentifier: Demand] = [:]
        var waiting: [Waiting] = []
        /// When a client had its last turn, while somebody waits.
        var turns: [ServedClient: Int] = [:]
        var turn = 0

        var isIdle: Bool { running.isEmpty && waiting.isEmpty }

        /// Takes out who comes next.
        mutating func next() -> Waiting? {
            let ranks = waiting.map { (turns[$0.wish.client] ?? 0, $0.wish.size) }
            guard let index = waiting.indices.min(by: { ranks[$0] < ranks[$1] }) else { return nil }
            return waiting.remove(at: index)
        }

        mutating func begin(_ wish: Wish) {
            running[ObjectIdentifier(wish.demand)] = wish.demand
            turn += 1
            turns[wish.client] = turn
        }
    }

    private let places: @Sendable (RegistryHost) -> Int
    private let lines = Mutex<[RegistryHost: Line]>([:])

    /// - Parameter places: how many downloads may be under way from a host.
    init(_ places: @escaping @Sendable (RegistryHost) -> Int) {
        self.places = places
    }

    /// Whether somebody waits, so that nobody keeps a place that is not needed.
    func isContended(_ host: RegistryHost) -> Bool { waitingCount(host) > 0 }

    func waitingCount(_ host: RegistryHost) -> Int { lines.withLock { $0[host]?.waiting.count ?? 0 } }

    /// Runs a download when its turn has come.
    ///
    /// - Throws: what `body` throws; `CancellationError`.
    func withPlace(_ wish: Wish, _ body: () async throws -> Void) async throws {
        try await take(wish)
        defer { leave(wish) }
        wish.demand.begin()
        try await body()
    }

    private func take(_ wish: Wish) async throws {
        let signal = Signal<Void>()
        let unneeded: [Demand]? = lines.withLock { lines in
            var line = lines[wish.host, default: Line()]
            defer { lines[wish.host] = line }
            guard line.running.count >= places(wish.host) else {
                line.begin(wish)
                return nil
            }
            line.waiting.append(Waiting(wish: wish, turn: signal))
            return Array(line.running.values)
        }
        guard let unneeded else { return }
        for demand in unneeded { demand.reconsider() }
        guard await signal.value() == nil else { return }
        lines.withLock { $0[wish.host]?.waiting.removeAll { $0.turn === signal } }
        throw CancellationError()
    }

    private func leave(_ wish: Wish) {
        lines.withLock { lines in
            guard var line = lines[wish.host] else { return }
            line.running[ObjectIdentifier(wish.demand)] = nil
            while line.running.count < places(wish.host), let next = line.next() {
                if next.turn.send(()) { line.begin(next.wish) }
            }
            if line.waiting.isEmpty { line.turns = [:] }
            lines[wish.host] = line.isIdle ? nil : line
        }
    }
}
