import Synchronization

/// A number of places; who finds none waits, the longest wait first.
package final class Semaphore: Sendable {
    private struct State {
        var places: Int
        /// Negative while more are within than there are places by now.
        var free: Int
        var waiters = WaitingLine()

        mutating func letIn() {
            while free > 0, waiters.call() { free -= 1 }
        }
    }

    private let state: Mutex<State>

    /// - Parameter places: at least one.
    package init(_ places: Int) {
        state = Mutex(State(places: max(1, places), free: max(1, places)))
    }

    /// Changes how many places there are, at least one; who is within stays.
    package func resize(to places: Int) {
        state.withLock { state in
            state.free += max(1, places) - state.places
            state.places = max(1, places)
            state.letIn()
        }
    }

    /// Runs a body in a place, which it has before all who do not go first.
    ///
    /// - Throws: `CancellationError` when the task is cancelled before it has one; otherwise what the body throws.
    package func withPlace<Result>(
        goesFirst: Bool = false,
        _ body: () async throws -> Result
    ) async throws -> Result {
        try await enter(goesFirst: goesFirst)
        defer { leave() }
        return try await body()
    }

    /// Runs a body in a place that it may give back before it ends.
    ///
    /// - Throws: `CancellationError` when the task is cancelled before it has one; otherwise what the body throws.
    package func withPlaceToGiveBack<Result>(_ body: (Place) async throws -> Result) async throws -> Result {
        try await enter()
        let place = Place(of: self)
        defer { place.giveBack() }
        return try await body(place)
    }

    /// A place that is given back once, whoever does so first.
    package final class Place: Sendable {
        private let semaphore: Semaphore
        private let isGivenBack = Atomic(false)

        fileprivate init(of semaphore: Semaphore) { self.semaphore = semaphore }

        /// Lets the next one in; again, it does nothing.
        package func giveBack() {
            if !isGivenBack.exchange(true, ordering: .relaxed) { semaphore.leave() }
        }
    }

    /// Takes a place if one is free, which nobody waits for then; it is given back by ``leave()``.
    package func enterIfFree() -> Bool {
        state.withLock { state in
            guard state.free > 0 else { return false }
            state.free -= 1
            return true
        }
    }

    /// Whether who comes now has to wait.
    package var isFull: Bool { state.withLock { $0.free <= 0 } }

    /// How many wait now.
    package var waiterCount: Int { state.withLock { $0.waiters.count } }

    private func enter(goesFirst: Bool = false) async throws {
        try Task.checkCancellation()
        let signal = state.withLock { state -> Signal<Void>? in
            if state.free <= 0 { return state.waiters.join(goesFirst: goesFirst) }
            state.free -= 1
            return nil
        }
        try await signal?.wait()
    }

    /// Hands a place on to the first who still waits.
    package func leave() {
        state.withLock { state in
            state.free += 1
            state.letIn()
        }
    }
}
