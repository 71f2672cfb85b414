import Synchronization

/// One at a time for each key, in the order of arrival.
package final class KeyedLock<Key: Hashable & Sendable>: Sendable {
    private let held = Mutex<[Key: WaitingLine]>([:])

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
            if held[key] == nil {
                held[key] = WaitingLine()
                return nil
            }
            return held[key]?.join()
        }
        try await signal?.wait()
    }

    private func release(_ key: Key) {
        held.withLock { if $0[key]?.call() != true { $0[key] = nil } }
    }
}
