import Synchronization

/// Values that many tasks ask for at once and only one of them fetches.
///
/// The first to ask fetches within its own task; when that task is cancelled, the next one takes over. A failure is
/// handed to all who were waiting for it, and forgotten.
final class SingleFlight<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private enum Arrival: Sendable {
        case value(Value)
        case failure(any Error)
        /// Who fetched was cancelled, or the wait was: look again.
        case again
    }

    private struct State {
        var values: [Key: Value] = [:]
        var flights: [Key: [UInt64: CheckedContinuation<Arrival, Never>]] = [:]
        var nextWaiter: UInt64 = 0
    }

    private enum Role {
        case done(Value)
        case fetch
        case wait
    }

    /// How many values are kept.
    private static var capacity: Int { 4096 }

    private let state = Mutex(State())

    /// The value for a key, fetched unless it is there and still good.
    func value(
        for key: Key,
        isGood: (Value) -> Bool,
        fetch: () async throws -> Value
    ) async throws -> Value {
        while true {
            try Task.checkCancellation()
            switch takeRole(key, isGood: isGood) {
            case .done(let value): return value
            case .fetch: return try await lead(key, fetch)
            case .wait:
                switch await arrival(key) {
                case .value(let value): return value
                case .failure(let error): throw error
                case .again: continue
                }
            }
        }
    }

    /// Forgets a value, unless it has been replaced already.
    func forget(_ key: Key, if isBad: (Value) -> Bool) {
        state.withLock { state in
            if let value = state.values[key], isBad(value) { state.values[key] = nil }
        }
    }

    private func takeRole(_ key: Key, isGood: (Value) -> Bool) -> Role {
        state.withLock { state in
            if let value = state.values[key], isGood(value) { return .done(value) }
            if state.flights[key] != nil { return .wait }
            // Whoever serves others for months asks for values of ever new keys.
            if state.values.count >= Self.capacity {
                state.values = state.values.filter { isGood($0.value) }
                if state.values.count >= Self.capacity { state.values.removeAll() }
            }
            state.flights[key] = [:]
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
            if case .value(let value) = arrival { state.values[key] = value }
            return state.flights.removeValue(forKey: key) ?? [:]
        }
        for waiter in waiters.values { waiter.resume(returning: arrival) }
    }

    private func arrival(_ key: Key) async -> Arrival {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isWaiting = state.withLock { state in
                    guard state.flights[key] != nil, !Task.isCancelled else { return false }
                    state.flights[key]?[id] = continuation
                    return true
                }
                if !isWaiting { continuation.resume(returning: .again) }
            }
        } onCancel: {
            state.withLock { $0.flights[key]?.removeValue(forKey: id) }?.resume(returning: .again)
        }
    }
}
