import Concurrency
import Synchronization

/// Values that many tasks ask for at once and that are fetched once, whoever leaves meanwhile.
///
/// Nothing is remembered: a failure is handed to those who were waiting for it, and forgotten as values are.
final class Flights<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private typealias Outcome = Result<Value, any Error>

    private struct Flight {
        var waiters: [UInt64: CheckedContinuation<Outcome, Never>] = [:]
    }

    private struct State {
        var flights: [Key: Flight] = [:]
        var nextWaiter: UInt64 = 0
    }

    private let work: DetachedWork
    private let state = Mutex(State())

    init(_ work: DetachedWork) {
        self.work = work
    }

    /// The value for a key, from the fetch that is under way or from a new one.
    ///
    /// - Parameters:
    ///   - key: what is asked for.
    ///   - subject: whom the fetch asks: one that does not answer takes no more than a share of all that is under way.
    ///   - fetch: asks.
    /// - Returns: what was fetched.
    /// - Throws: what the fetch throws; ``ServeError`` when too many are under way; `CancellationError` when this task
    ///   is cancelled, which does not stop the fetch.
    func value(
        for key: Key,
        about subject: String? = nil,
        fetch: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Outcome, Never>) in
                if let early = join(key, subject, id, continuation, fetch) { continuation.resume(returning: early) }
            }
        } onCancel: {
            let waiter = state.withLock { $0.flights[key]?.waiters.removeValue(forKey: id) }
            waiter?.resume(returning: .failure(CancellationError()))
        }
        return try outcome.get()
    }

    /// - Returns: what to resume with at once; `nil` when the fetch does that.
    private func join(
        _ key: Key,
        _ subject: String?,
        _ id: UInt64,
        _ continuation: CheckedContinuation<Outcome, Never>,
        _ fetch: @escaping @Sendable () async throws -> Value
    ) -> Outcome? {
        let isNew: Bool? = state.withLock { state in
            guard !Task.isCancelled else { return nil }
            let isNew = state.flights[key] == nil
            state.flights[key, default: Flight()].waiters[id] = continuation
            return isNew
        }
        guard let isNew else { return .failure(CancellationError()) }
        guard isNew else { return nil }
        let hasBegun = work.begin(about: subject) { [self] in
            do {
                land(key, .success(try await fetch()))
            } catch {
                land(key, .failure(error))
            }
        }
        if !hasBegun { land(key, .failure(ServeError.busy)) }
        return nil
    }

    private func land(_ key: Key, _ outcome: Outcome) {
        let flight = state.withLock { $0.flights.removeValue(forKey: key) }
        for waiter in flight?.waiters.values ?? [:].values { waiter.resume(returning: outcome) }
    }
}
