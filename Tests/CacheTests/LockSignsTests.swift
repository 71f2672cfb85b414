import CacheSupport
import Concurrency
import Logging
import OCI
import TestSupport
import Testing

@testable import Cache

/// What those who wait for a lock see of who has it.
@Suite(.timeLimit(.minutes(10)))
struct LockSignsTests {
    private static let name = "ab"
    private static let limit = Duration.milliseconds(60)

    /// A clock on which every sleep ends at once, after something has been done.
    private struct BusyClock: Clock {
        let base = TestClock()
        let meanwhile: @Sendable (_ sleeps: Int) async throws -> Void

        var now: TestInstant { base.now }
        var minimumResolution: Duration { base.minimumResolution }

        func sleep(until deadline: TestInstant, tolerance: Duration?) async throws {
            try await base.sleep(until: deadline, tolerance: tolerance)
            try await meanwhile(base.sleeps.count)
        }
    }

    private func locks(
        _ directory: StoreDirectory,
        clock: any Clock<Duration> = TestClock(),
        pulse: any Clock<Duration> = ManualClock()
    ) -> StoreLocks {
        StoreLocks(
            directory: directory.locks,
            clock: clock,
            pulse: pulse,
            timeout: Self.limit,
            logger: Logger(label: "test")
        )
    }

    @Test(
        "A lock is waited for as long as who has it gives signs of life, and the timeout longer; also where that is cancelled",
        arguments: [false, true]
    )
    func signs(isCancelled: Bool) async throws {
        try await TemporaryDirectory.with { path in
            let directory = try StoreDirectory(path: "\(path)")
            let pulse = ManualClock()
            let clock = BusyClock { [locks = locks(directory)] sleeps async throws in
                guard sleeps <= 20 else { return }
                // The file system's clock is coarse: a sign may look like the one before.
                let earlier = locks.version(of: Self.name)
                while locks.version(of: Self.name) == earlier {
                    try await pulse.waitForSleepers()
                    pulse.advance(by: .seconds(1))
                    await Task.yield()
                }
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    if isCancelled { withUnsafeCurrentTask { $0?.cancel() } }
                    try await locks(directory, pulse: pulse).holding(Self.name) {
                        try await uncancelled {
                            let error = await #expect(throws: CacheError.self) {
                                try await locks(directory, clock: clock).acquire(Self.name, .exclusive)
                            }
                            #expect(error?.kind == .locked)
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(clock.base.sleeps.count > 20)
            #expect(clock.base.sleeps.dropFirst(20).reduce(.zero, +) <= Self.limit)
            // Freed at the end.
            try await locks(directory).holding(Self.name) {}
        }
    }
}
