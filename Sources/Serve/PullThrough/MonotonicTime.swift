/// An injected clock, reduced to what is used of it.
struct MonotonicTime: Sendable {
    /// The time since it was made.
    let now: @Sendable () -> Duration
    let sleep: @Sendable (Duration) async throws -> Void

    init(_ clock: any Clock<Duration>) {
        self = Self.make(clock)
    }

    private init(now: @escaping @Sendable () -> Duration, sleep: @escaping @Sendable (Duration) async throws -> Void) {
        self.now = now
        self.sleep = sleep
    }

    private static func make<C: Clock>(_ clock: C) -> MonotonicTime where C.Duration == Duration {
        let start = clock.now
        return MonotonicTime(now: { start.duration(to: clock.now) }, sleep: { try await clock.sleep(for: $0) })
    }
}
