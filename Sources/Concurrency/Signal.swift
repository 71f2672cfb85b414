import NIOCore
import Synchronization

/// One word from one task to another that waits for it, or stops waiting because it is cancelled.
///
/// The one place that knows continuations: locks, semaphores and pipes are lists of signals. Waited for once.
package final class Signal<Value: Sendable>: Sendable {
    private enum State {
        case idle
        case waiting(CheckedContinuation<Value?, Never>)
        case settled(Value?)
    }

    private let state = Mutex(State.idle)

    package init() {}

    /// Waits for the word.
    ///
    /// - Returns: `nil` when the waiting task was cancelled first; then ``send(_:)`` tells its sender so.
    package func value() async -> Value? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let early: Value?? = state.withLock { state in
                    if case .settled(let value) = state { return .some(value) }
                    state = .waiting(continuation)
                    return nil
                }
                if let early { continuation.resume(returning: early) }
            }
        } onCancel: {
            _ = settle(nil)
        }
    }

    /// Gives the word, before or after it is waited for.
    ///
    /// - Returns: `false` when nobody will hear it: the other has been cancelled, or had one already.
    @discardableResult
    package func send(_ value: Value) -> Bool { settle(value) }

    private func settle(_ value: Value?) -> Bool {
        let (isFirst, waiter) = state.withLock { state in
            switch state {
            case .settled: return (false, CheckedContinuation<Value?, Never>?.none)
            case .idle:
                state = .settled(value)
                return (true, nil)
            case .waiting(let waiter):
                state = .settled(value)
                return (true, waiter)
            }
        }
        waiter?.resume(returning: value)
        return isFirst
    }
}

extension Signal<Void> {
    /// Waits for the word.
    ///
    /// - Throws: `CancellationError` when the task is cancelled before it comes.
    package func wait() async throws {
        guard await value() != nil else { throw CancellationError() }
    }
}

/// Who waits for a turn, the longest wait first; who goes first is in a line of its own before all others.
struct WaitingLine {
    private var urgent = CircularBuffer<Signal<Void>>()
    private var signals = CircularBuffer<Signal<Void>>()

    var count: Int { urgent.count + signals.count }

    mutating func join(goesFirst: Bool = false) -> Signal<Void> {
        let signal = Signal<Void>()
        if goesFirst { urgent.append(signal) } else { signals.append(signal) }
        return signal
    }

    /// Gives the turn to the first who still waits.
    ///
    /// - Returns: whether there was one.
    mutating func call() -> Bool {
        while let next = urgent.popFirst() ?? signals.popFirst() {
            if next.send(()) { return true }
        }
        return false
    }
}
