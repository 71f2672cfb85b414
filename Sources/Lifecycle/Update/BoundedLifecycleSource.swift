/// A source that is waited for until a moment and not a bit longer, all questions together.
///
/// What is not answered by then counts as unreachable.
package struct BoundedLifecycleSource<SourceClock: Clock>: LifecycleSource where SourceClock.Duration == Duration {
    private let base: any LifecycleSource
    private let clock: SourceClock
    private let deadline: SourceClock.Instant

    /// - Parameters:
    ///   - base: is asked.
    ///   - limit: how long from now on.
    ///   - clock: measures it.
    package init(_ base: any LifecycleSource, within limit: Duration, clock: SourceClock = ContinuousClock()) {
        self.base = base
        self.clock = clock
        deadline = clock.now.advanced(by: limit)
    }

    package func rows(for product: ProductName, entityTag: String?) async throws -> LifecycleAnswer {
        guard clock.now < deadline else { throw LifecycleTimeout() }
        return try await withThrowingTaskGroup(of: LifecycleAnswer?.self) { group in
            group.addTask { try await base.rows(for: product, entityTag: entityTag) }
            group.addTask {
                try await clock.sleep(until: deadline, tolerance: nil)
                return nil
            }
            defer { group.cancelAll() }
            guard let first = try await group.next(), let answer = first else { throw LifecycleTimeout() }
            return answer
        }
    }
}

/// The end-of-life service took longer than a run waits for it.
package struct LifecycleTimeout: Error, Hashable, Sendable, CustomStringConvertible {
    package let description = "it has not answered in time"
}
