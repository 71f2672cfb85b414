/// A moment of a test's own time: how long it has run.
package struct TestInstant: InstantProtocol {
    package let offset: Duration

    package init(offset: Duration = .zero) { self.offset = offset }

    package func advanced(by duration: Duration) -> TestInstant { TestInstant(offset: offset + duration) }

    package func duration(to other: TestInstant) -> Duration { other.offset - offset }

    package static func < (left: TestInstant, right: TestInstant) -> Bool { left.offset < right.offset }
}

/// A clock on which every sleep ends at once and moves the time on; it records what was slept.
package final class TestClock: Clock {
    private struct State: Sendable {
        var now = TestInstant()
        var sleeps: [Duration] = []
    }

    private let state = Watched(State())

    package init() {}

    package var now: TestInstant { state.value.now }
    package var minimumResolution: Duration { .nanoseconds(1) }

    /// How long each sleep was to last, in order.
    package var sleeps: [Duration] { state.value.sleeps }

    package func sleep(until deadline: TestInstant, tolerance: Duration?) async throws {
        try Task.checkCancellation()
        state.update { state in
            state.sleeps.append(state.now.duration(to: deadline))
            state.now = max(state.now, deadline)
        }
        await Task.yield()
    }

    /// Moves the time on without a sleep, as work that takes long does.
    package func advance(by duration: Duration) {
        state.update { $0.now = $0.now.advanced(by: duration) }
    }
}

/// A clock that moves only when a test says so.
package final class ManualClock: Clock {
    private struct State: Sendable {
        var now = TestInstant()
        var sleepers: [Int: TestInstant] = [:]
        var nextID = 0
    }

    private let state = Watched(State())

    package init() {}

    package var now: TestInstant { state.value.now }
    package var minimumResolution: Duration { .nanoseconds(1) }

    /// How many tasks sleep now.
    package var sleeperCount: Int { state.value.sleepers.count }

    /// When the next sleeper is due; `nil` when nobody sleeps.
    package var nextDeadline: TestInstant? { state.value.sleepers.values.min() }

    package func sleep(until deadline: TestInstant, tolerance: Duration?) async throws {
        let id = state.update { state in
            state.nextID += 1
            if deadline > state.now { state.sleepers[state.nextID] = deadline }
            return state.nextID
        }
        do {
            try await state.wait { $0.now >= deadline }
            try Task.checkCancellation()
        } catch {
            state.update { $0.sleepers[id] = nil }
            throw error
        }
    }

    /// Moves the time on and wakes everybody who is due.
    package func advance(by duration: Duration) {
        state.update { state in
            state.now = state.now.advanced(by: duration)
            state.sleepers = state.sleepers.filter { $0.value > state.now }
        }
    }

    /// Waits until nobody sleeps any more.
    package func waitForNoSleeper() async throws {
        try await state.wait { $0.sleepers.isEmpty }
    }

    /// Waits until at least that many tasks sleep.
    package func waitForSleepers(_ count: Int = 1) async throws {
        try await state.wait { $0.sleepers.count >= count }
    }
}

extension Duration {
    /// How long to wait by a clock that no sleep holds up for what is certain to come, but in real time: a lock's release.
    package static let endless = Duration.seconds(1 << 40)
}
