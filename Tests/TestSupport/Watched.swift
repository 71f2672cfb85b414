import Synchronization

/// A value behind a lock that others can wait on.
package final class Watched<Value: Sendable>: Sendable {
    private struct Observer {
        let isSatisfied: @Sendable (Value) -> Bool
        let notify: @Sendable (_ satisfied: Bool) -> Void
    }

    private struct State {
        var value: Value
        var observers: [Int: Observer] = [:]
        var nextID = 0
    }

    private let state: Mutex<State>

    package init(_ value: Value) {
        state = Mutex(State(value: value))
    }

    /// The value as it is now.
    package var value: Value { state.withLock { $0.value } }

    /// Changes the value, then wakes everybody whose condition it satisfies.
    @discardableResult
    package func update<R: Sendable>(_ body: (inout Value) throws -> R) rethrows -> R {
        let (result, woken) = try state.withLock { state in
            let result = try body(&state.value)
            let satisfied = state.observers.filter { $0.value.isSatisfied(state.value) }
            for id in satisfied.keys { state.observers[id] = nil }
            return (result, satisfied.sorted { $0.key < $1.key }.map(\.value))
        }
        for observer in woken { observer.notify(true) }
        return result
    }

    /// Waits until the value satisfies a condition; returns at once when it does already.
    ///
    /// - Throws: `CancellationError` when the waiting task is cancelled.
    package func wait(until isSatisfied: @escaping @Sendable (Value) -> Bool) async throws {
        let id = newID()
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                observe(id, isSatisfied) { satisfied in
                    continuation.resume(with: satisfied ? .success(()) : .failure(CancellationError()))
                }
                if Task.isCancelled { abandon(id) }
            }
        } onCancel: {
            abandon(id)
        }
    }

    /// Calls back once, when the value satisfies a condition: at once when it does already.
    package func whenever(
        _ isSatisfied: @escaping @Sendable (Value) -> Bool,
        call: @escaping @Sendable () -> Void
    ) {
        observe(newID(), isSatisfied) { _ in call() }
    }

    private func newID() -> Int {
        state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
    }

    private func observe(
        _ id: Int,
        _ isSatisfied: @escaping @Sendable (Value) -> Bool,
        notify: @escaping @Sendable (Bool) -> Void
    ) {
        let already = state.withLock { state in
            if isSatisfied(state.value) { return true }
            state.observers[id] = Observer(isSatisfied: isSatisfied, notify: notify)
            return false
        }
        if already { notify(true) }
    }

    private func abandon(_ id: Int) {
        state.withLock { $0.observers.removeValue(forKey: id) }?.notify(false)
    }
}
