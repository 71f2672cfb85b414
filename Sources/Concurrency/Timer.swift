/// The injected clock, reduced to what is used of it: a monotonic time and a sleep.
package struct Timer: Sendable {
    /// The time since the timer was made.
    package let now: @Sendable () -> Duration
    package let sleep: @Sendable (Duration) async throws -> Void

    package init(_ clock: any Clock<Duration>) {
        self = Self.make(clock)
    }

    private init(now: @escaping @Sendable () -> Duration, sleep: @escaping @Sendable (Duration) async throws -> Void) {
        self.now = now
        self.sleep = sleep
    }

    private static func make<C: Clock>(_ clock: C) -> Timer where C.Duration == Duration {
        let start = clock.now
        return Timer(now: { start.duration(to: clock.now) }, sleep: { try await clock.sleep(for: $0) })
    }

    /// Thrown where an operation took longer than it may.
    package struct Expired: Error {
        package init() {}
    }

    /// Runs an operation that is cancelled after a time.
    ///
    /// - Throws: ``Expired``; otherwise what the operation throws.
    package func limit<Result: Sendable>(
        _ limit: Duration,
        _ operation: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        try await Self.limit({ try await sleep(limit) }, operation)
    }

    /// Runs an operation that is cancelled when `end` returns or throws first.
    ///
    /// - Throws: ``Expired`` or what `end` throws; otherwise what the operation throws.
    package static func limit<Result: Sendable>(
        _ end: @escaping @Sendable () async throws -> Void,
        _ operation: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        try await withThrowingTaskGroup(of: Result?.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await operation() }
            group.addTask {
                try await end()
                return nil
            }
            guard let first = try await group.next(), let result = first else { throw Expired() }
            return result
        }
    }
}
