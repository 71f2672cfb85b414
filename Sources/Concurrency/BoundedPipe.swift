import NIOCore
import Synchronization

/// Elements on their way from one task to another, bounded by their cost and their number.
///
/// Who sends waits while the pipe is full: with a positive bound one element always goes in, however costly. One
/// sender and one receiver at a time; either may end it.
package final class BoundedPipe<Element: Sendable>: Sendable {
    private struct State {
        var elements = CircularBuffer<Element>()
        var cost = 0
        /// How it ended for who receives, once all is taken.
        var end: Result<Void, any Error>?
        /// Why nothing is taken any more.
        var closed: (any Error)?
        var sender: Signal<Void>?
        var receiver: Signal<Void>?
    }

    private let limit: @Sendable () -> Int
    private let maximumCount: Int
    private let cost: @Sendable (Element) -> Int
    private let state = Mutex(State())

    /// - Parameters:
    ///   - limit: the cost from which on the pipe is full; asked anew each time.
    ///   - maximumCount: the number of elements from which on it is.
    ///   - cost: of one element, at least 0.
    package init(
        limit: @autoclosure @escaping @Sendable () -> Int = .max,
        maximumCount: Int = .max,
        cost: @escaping @Sendable (Element) -> Int = { _ in 1 }
    ) {
        self.limit = limit
        self.maximumCount = maximumCount
        self.cost = cost
    }

    /// Adds an element as soon as there is room.
    ///
    /// - Throws: what the receiver closed the pipe with; `CancellationError`.
    package func send(_ element: Element) async throws {
        try await wait(\.sender) { [limit, maximumCount] state in
            state.closed != nil || state.elements.isEmpty
                || state.cost < limit() && state.elements.count < maximumCount
        }
        let receiver = try state.withLock { state in
            if let error = state.closed { throw error }
            state.elements.append(element)
            state.cost += cost(element)
            return state.receiver.take()
        }
        receiver?.send(())
    }

    /// Says that nothing more comes, and why: ``receive()`` throws the error when all that was sent has been taken.
    package func finish(throwing error: (any Error)? = nil) {
        let receiver = state.withLock { state in
            if state.end == nil { state.end = error.map { .failure($0) } ?? .success(()) }
            return state.receiver.take()
        }
        receiver?.send(())
    }

    /// The next element, first waiting for one.
    ///
    /// - Returns: `nil` at the end.
    package func receive() async throws -> Element? {
        try await wait(\.receiver) { !$0.elements.isEmpty || $0.end != nil || $0.closed != nil }
        let (element, sender) = try state.withLock { state -> (Element?, Signal<Void>?) in
            if let error = state.closed { throw error }
            guard let element = state.elements.popFirst() else {
                try state.end?.get()
                return (nil, nil)
            }
            state.cost -= cost(element)
            return (element, state.sender.take())
        }
        sender?.send(())
        return element
    }

    /// Says that nothing more is taken; what is in the pipe is dropped, and both sides throw the error.
    package func close(throwing error: any Error = CancellationError()) {
        let waiters = state.withLock { state in
            if state.closed == nil { state.closed = error }
            state.elements.removeAll()
            state.cost = 0
            return [state.sender.take(), state.receiver.take()]
        }
        for waiter in waiters { waiter?.send(()) }
    }

    private func wait(
        _ side: any WritableKeyPath<State, Signal<Void>?> & Sendable,
        until isSatisfied: (State) -> Bool
    ) async throws {
        while true {
            let signal = state.withLock { state -> Signal<Void>? in
                guard !isSatisfied(state) else { return nil }
                let signal = Signal<Void>()
                state[keyPath: side] = signal
                return signal
            }
            guard let signal else { return }
            try await signal.wait()
        }
    }
}

extension BoundedPipe: AsyncSequence {
    package struct AsyncIterator: AsyncIteratorProtocol {
        let pipe: BoundedPipe

        package func next() async throws -> Element? { try await pipe.receive() }
    }

    package func makeAsyncIterator() -> AsyncIterator { AsyncIterator(pipe: self) }
}
