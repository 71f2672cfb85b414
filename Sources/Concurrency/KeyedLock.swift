import NIOCore
import Synchronization

/// One at a time for each key, in the order of arrival.
package final class KeyedLock<Key: Hashable & Sendable>: Sendable {
    private let held = Mutex<[Key: CircularBuffer<Signal<Void>>]>([:])

    package init() {}

    /// Runs a body while nobody else has the key.
    ///
    /// Not reentrant. Throws `CancellationError` when the task is cancelled before it has the key; otherwise what the
    /// body throws.
    package func withLock<Result>(_ key: Key, _ body: () async throws -> Result) async throws -> Result {
        try await acquire(key)
        defer { release(key) }
        return try await body()
    }

    private func acquire(_ key: Key) async throws {
        try Task.checkCancellation()
        let signal = held.withLock { held -> Signal<Void>? in
            guard held[key] != nil else {
                held[key] = CircularBuffer()
                return nil
            }
            let signal = Signal<Void>()
            held[key]?.append(signal)
            return signal
        }
        guard let signal, await signal.value() == nil else { return }
        throw CancellationError()
    }

    private func release(_ key: Key) {
        held.withLock { held in
            while let next = held[key]?.popFirst() {
                if next.send(()) { return }
            }
            held[key] = nil
        }
    }
}
