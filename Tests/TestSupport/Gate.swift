/// Holds an answer back until a test lets it go.
package final class Gate: Sendable {
    private struct State: Sendable {
        var isOpen = false
        var arrivals = 0
    }

    private let state = Watched(State())

    package init() {}

    /// Lets everything pass, now and later.
    package func open() {
        state.update { $0.isOpen = true }
    }

    /// Waits until that many answers have come to the gate, whether it is open or not.
    package func waitForArrivals(_ count: Int = 1) async throws {
        try await state.wait { $0.arrivals >= count }
    }

    /// How many answers have come to the gate so far.
    package var arrivals: Int { state.value.arrivals }

    /// Comes to the gate; calls back once it is open.
    package func pass(_ proceed: @escaping @Sendable () -> Void) {
        state.update { $0.arrivals += 1 }
        state.whenever({ $0.isOpen }, call: proceed)
    }
}

/// Lets the bytes of bodies through as a test releases them; each body has the whole allowance for itself.
package final class Valve: Sendable {
    private struct State: Sendable {
        var allowance: Int
        var stalls = 0
    }

    private let state: Watched<State>

    /// - Parameter bytes: how many bytes of each body pass at first.
    package init(bytes: Int = 0) {
        state = Watched(State(allowance: bytes))
    }

    /// Lets that many more bytes pass.
    package func release(bytes: Int) {
        state.update { $0.allowance = $0.allowance > .max - bytes ? .max : $0.allowance + bytes }
    }

    /// Lets all bytes pass, now and later.
    package func open() {
        state.update { $0.allowance = .max }
    }

    /// Waits until a body has come to a stop here that many times.
    package func waitForStalls(_ count: Int = 1) async throws {
        try await state.wait { $0.stalls >= count }
    }

    /// Whether some bytes may not pass yet.
    package var isNarrow: Bool { allowance < .max }

    var allowance: Int { state.value.allowance }

    func wait(beyond offset: Int, _ proceed: @escaping @Sendable () -> Void) {
        state.update { $0.stalls += 1 }
        state.whenever({ $0.allowance > offset }, call: proceed)
    }
}
