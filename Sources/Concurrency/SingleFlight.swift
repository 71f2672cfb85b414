import Synchronization

/// Values that many tasks ask for at once and only one of them fetches.
///
/// The first to ask fetches within its own task; when that task is cancelled, the next one takes over. A failure is
/// handed to all who were waiting for it, and forgotten; a value is kept while it is good.
package final class SingleFlight<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private enum Arrival: Sendable {
        case value(Value)
        case failure(any Error)
        /// Who fetched was cancelled: look again.
        case again
    }

    private struct State {
        var values: [Key: Value] = [:]
        /// What the values cost together.
        var total = 0
        var flights: [Key: [Signal<Arrival>]] = [:]
    }

    private enum Role {
        case done(Value)
        case fetch
        case wait(Signal<Arrival>)
    }

    private let capacity: Int
    private let cost: @Sendable (Value) -> Int
    private let state = Mutex(State())

    /// - Parameters:
    ///   - capacity: how much is kept: whoever serves others for months asks for ever new keys.
    ///   - cost: how much of it a value takes; without it values are counted.
    package init(capacity: Int = 4096, cost: @escaping @Sendable (Value) -> Int = { _ in 1 }) {
        self.capacity = capacity
        self.cost = cost
    }

    /// The value for a key, fetched unless it is there and still good.
    ///
    /// - Throws: what the fetch throws; `CancellationError`.
    package func value(
        for key: Key,
        isGood: (Value) -> Bool = { _ in false },
        fetch: () async throws -> Value
    ) async throws -> Value {
        while true {
            try Task.checkCancellation()
            switch takeRole(key, isGood: isGood) {
            case .done(let value): return value
            case .fetch: return try await lead(key, fetch)
            case .wait(let signal):
                switch await signal.value() {
                case .value(let value): return value
                case .failure(let error): throw error
                case .again, nil: continue
                }
            }
        }
    }

    /// The value that was kept for a key; nothing is fetched.
    package func kept(_ key: Key) -> Value? { state.withLock { $0.values[key] } }

    /// Forgets a value, unless it has been replaced already.
    package func forget(_ key: Key, if isBad: (Value) -> Bool) {
        state.withLock { state in
            guard let value = state.values[key], isBad(value) else { return }
            state.values[key] = nil
            state.total -= cost(value)
        }
    }

    /// Forgets all values; what is being fetched is kept when it comes.
    package func forgetAll() {
        state.withLock { ($0.values, $0.total) = ([:], 0) }
    }

    private func takeRole(_ key: Key, isGood: (Value) -> Bool) -> Role {
        state.withLock { state in
            if let value = state.values[key], isGood(value) { return .done(value) }
            if state.flights[key] != nil {
                let signal = Signal<Arrival>()
                state.flights[key]?.append(signal)
                return .wait(signal)
            }
            if state.total >= capacity {
                state.values = state.values.filter { isGood($0.value) }
                state.total = state.values.values.reduce(0) { $0 + cost($1) }
                if state.total >= capacity { (state.values, state.total) = ([:], 0) }
            }
            state.flights[key] = []
            return .fetch
        }
    }

    private func lead(_ key: Key, _ fetch: () async throws -> Value) async throws -> Value {
        do {
            let value = try await fetch()
            land(key, .value(value))
            return value
        } catch {
            // Whatever a cancelled fetch fails with is its own affair, not that of those who wait.
            guard !Task.isCancelled, !(error is CancellationError) else {
                land(key, .again)
                throw CancellationError()
            }
            land(key, .failure(error))
            throw error
        }
    }

    private func land(_ key: Key, _ arrival: Arrival) {
        let waiters = state.withLock { state in
            if case .value(let value) = arrival {
                if let former = state.values.updateValue(value, forKey: key) { state.total -= cost(former) }
                state.total += cost(value)
            }
            return state.flights.removeValue(forKey: key) ?? []
        }
        for waiter in waiters { waiter.send(arrival) }
    }
}
