import Synchronization

/// A number of places; who finds none waits, the longest wait first.
package final class Semaphore: Sendable {
    private struct State {
        var free: Int
        var waiters = WaitingLine()
    }

    private let state: Mutex<State>

    /// - Parameter places: at least one.
    package init(_ places: Int) {
        state = Mutex(State(free: max(1, places)))
    }

    /// Runs a body in a place.
    ///
    /// - Throws: `CancellationError` when the task is cancelled before it has one; otherwise what the body throws.
    package func withPlace<Result>(_ body: () async throws -> Result) async throws -> Result {
        try await enter()
        defer { leave() }
        return try await body()
    }

    /// Takes a place if one is free, which nobody waits for then; it is given back by ``leave()``.
    package func enterIfFree() -> Bool {
        state.withLock { state in
            guard state.free > 0 else { return false }
            state.free -= 1
            return true
        }
    }

    /// How many wait now; for displays and tests.
    package var waiterCount: Int { state.withLock { $0.waiters.count } }

    private func enter() async throws {
        try Task.checkCancellation()
        let signal = state.withLock { state -> Signal<Void>? in
            if state.free == 0 { return state.waiters.join() }
            state.free -= 1
            return nil
        }
        try await signal?.wait()
    }

    /// Hands a place on to the first who still waits.
    package func leave() {
        state.withLock { if !$0.waiters.call() { $0.free += 1 } }
    }
}
