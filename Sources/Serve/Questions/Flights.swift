import Concurrency
import Synchronization

/// Values that many tasks ask for at once and that are fetched once, whoever leaves meanwhile.
///
/// Nothing is remembered: a failure is handed to those who were waiting for it, and forgotten as values are.
final class Flights<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private typealias Outcome = Result<Value, any Error>

    private struct Flight {
        /// Where it waits for room until it has begun.
        var place: DetachedWork.Place?
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
    ///   - subject: whom the fetch asks: one that does not answer takes no more than a share of all that is under way, and
    ///     what comes beyond that waits.
    ///   - fetch: asks.
    /// - Returns: what was fetched.
    /// - Throws: what the fetch throws; ``ServeError`` when the server is stopping; `CancellationError` when this task
    ///   is cancelled, which does not stop a fetch that has begun.
    func value(
        for key: Key,
        about subject: String,
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
            leave(key, id)?.resume(returning: .failure(CancellationError()))
        }
        return try outcome.get()
    }

    /// - Returns: what to resume with at once; `nil` when the fetch does that.
    private func join(
        _ key: Key,
        _ subject: String,
        _ id: UInt64,
        _ continuation: CheckedContinuation<Outcome, Never>,
        _ fetch: @escaping @Sendable () async throws -> Value
    ) -> Outcome? {
        state.withLock { state -> Outcome? in
            guard !Task.isCancelled else { return .failure(CancellationError()) }
            if state.flights[key] == nil {
                guard let place = work.beginInTurn(about: subject, { await self.run(key, fetch) }) else {
                    return .failure(ServeError.busy)
                }
                state.flights[key] = Flight(place: place)
            }
            state.flights[key]?.waiters[id] = continuation
            return nil
        }
    }

    private func run(_ key: Key, _ fetch: @Sendable () async throws -> Value) async {
        // Nobody may have been left before it began.
        let isWanted = state.withLock { $0.flights[key]?.place.take() != nil }
        guard isWanted else { return }
        do {
            land(key, .success(try await fetch()))
        } catch {
            land(key, .failure(error))
        }
    }

    /// Takes out who waits no longer; with the last of them goes what has not begun.
    private func leave(_ key: Key, _ id: UInt64) -> CheckedContinuation<Outcome, Never>? {
        state.withLock { state in
            guard let waiter = state.flights[key]?.waiters.removeValue(forKey: id) else { return nil }
            if let flight = state.flights[key], flight.waiters.isEmpty, let place = flight.place {
                state.flights[key] = nil
                work.giveUp(place)
            }
            return waiter
        }
    }

    private func land(_ key: Key, _ outcome: Outcome) {
        let flight = state.withLock { $0.flights.removeValue(forKey: key) }
        for waiter in flight?.waiters.values ?? [:].values { waiter.resume(returning: outcome) }
    }
}
