import Cache
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

    private struct Line {
        let queue: TurnQueue
        var running: [ObjectIdentifier: Demand] = [:]
        /// Transfers of blobs that are not stored.
        var passing = 0
        /// Transfers that no upstream has answered yet: they may be waiting for a connection.
        var unanswered: Set<ObjectIdentifier> = []
    }

    private let places: @Sendable (RegistryHost) -> Int
    /// The hosts are a closed list.
    private let lines = Mutex<[RegistryHost: Line]>([:])

    /// - Parameter places: how many downloads may be under way from a host.
    init(_ places: @escaping @Sendable (RegistryHost) -> Int) {
        self.places = places
    }

    /// Whether somebody waits, so that nobody keeps a place that is not needed.
    func isContended(_ host: RegistryHost) -> Bool { waitingCount(host) > 0 }

    /// Whether as much is under way from a host as may be, or as it takes, so that what stands still is in somebody's way.
    func isFull(_ host: RegistryHost) -> Bool {
        guard let line = lines.withLock({ $0[host] }) else { return false }
        return line.running.count + line.passing >= places(host) || !line.unanswered.isEmpty
    }

    /// Takes note that a transfer has its connection: one with a place, or one that passes.
    func answered(_ transfer: AnyObject, at host: RegistryHost) {
        lines.withLock { _ = $0[host]?.unanswered.remove(ObjectIdentifier(transfer)) }
    }

    func waitingCount(_ host: RegistryHost) -> Int { lines.withLock { $0[host] }?.queue.waitingCount ?? 0 }

    /// Runs a download when its turn has come; meanwhile those that nobody wants any more end.
    ///
    /// - Throws: what `body` throws; `CancellationError`.
    func withPlace(_ wish: Wish, _ body: () async throws -> Void) async throws {
        try await line(of: wish.host) { $0.queue }.withPlace(wish.client, rank: wish.size) {
            for demand in lines.withLock({ $0[wish.host]?.running ?? [:] }).values { demand.reconsider() }
        } _: {
            lines.withLock { $0[wish.host]?.running[ObjectIdentifier(wish.demand)] = wish.demand }
            defer { lines.withLock { _ = $0[wish.host]?.running.removeValue(forKey: ObjectIdentifier(wish.demand)) } }
            wish.demand.begin()
            try await awaitingAnswer(wish.demand, at: wish.host, body)
        }
    }

    /// Runs a transfer that waits for no turn: as its blob is not stored, nobody else reads along.
    func passing(
        _ transfer: AnyObject,
        from host: RegistryHost,
        _ body: () async throws -> Void
    ) async rethrows {
        line(of: host) { $0.passing += 1 }
        defer { line(of: host) { $0.passing -= 1 } }
        try await awaitingAnswer(transfer, at: host, body)
    }

    private func awaitingAnswer(
        _ transfer: AnyObject,
        at host: RegistryHost,
        _ body: () async throws -> Void
    ) async rethrows {
        line(of: host) { _ = $0.unanswered.insert(ObjectIdentifier(transfer)) }
        defer { answered(transfer, at: host) }
        try await body()
    }

    private func line<Result>(of host: RegistryHost, _ body: (inout Line) -> Result) -> Result
    where Result: Sendable {
        lines.withLock { body(&$0[host, default: Line(queue: TurnQueue(places: places(host)))]) }
    }
}
