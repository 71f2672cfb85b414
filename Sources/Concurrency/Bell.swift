import Synchronization

/// Wakes one task when something has changed since it looked last.
package final class Bell: Sendable {
    private struct State {
        var isRung = false
        var sleeper: Signal<Void>?
    }

    private let state = Mutex(State())

    package init() {}

    /// Says that something has changed; rung twice before anybody looks, it has rung once.
    package func ring() {
        let sleeper = state.withLock { state in
            state.isRung = true
            return state.sleeper.take()
        }
        sleeper?.send(())
    }

    /// Returns at once when it has rung since the last time; one task at a time waits.
    ///
    /// - Throws: `CancellationError`.
    package func wait() async throws {
        let signal = Signal<Void>()
        let isRung = state.withLock { state in
            defer { state.isRung = false }
            if !state.isRung { state.sleeper = signal }
            return state.isRung
        }
        if !isRung, await signal.value() == nil { throw CancellationError() }
        state.withLock { $0.isRung = false }
    }
}
