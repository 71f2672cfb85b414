import Lifecycle
import OCI
import Sync
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct EOLBoundedSourceTests {
    /// Answers at once, or after so long by the test's clock, or never.
    private struct Service: LifecycleSource {
        let clock: TestClock
        var delay: Duration = .zero
        var isHanging = false

        func rows(for product: ProductName, entityTag: String?) async throws -> LifecycleAnswer {
            if isHanging { try await Task.sleep(for: .seconds(3600)) }
            clock.advance(by: delay)
            return .unknownProduct
        }
    }

    /// Whether the service is asked at all, and left to its own pace, while there is time.
    private struct PatientClock: Clock {
        let base: TestClock
        var now: TestInstant { base.now }
        var minimumResolution: Duration { base.minimumResolution }

        func sleep(until deadline: TestInstant, tolerance: Duration?) async throws {
            try await Task.sleep(for: .seconds(3600))
        }
    }

    private let product = ProductName("alpine")

    @Test("Questions are answered until the time is over, and then refused")
    func deadline() async throws {
        let clock = TestClock()
        let source = BoundedLifecycleSource(
            Service(clock: clock, delay: .seconds(3)),
            within: .seconds(5),
            clock: PatientClock(base: clock)
        )
        let product = try #require(product)
        _ = try await source.rows(for: product, entityTag: nil)
        _ = try await source.rows(for: product, entityTag: nil)
        await #expect(throws: LifecycleTimeout.self) { try await source.rows(for: product, entityTag: nil) }
    }

    @Test("A service that never answers is left alone when the time is over")
    func hanging() async throws {
        let clock = TestClock()
        let source = BoundedLifecycleSource(Service(clock: clock, isHanging: true), within: .seconds(5), clock: clock)
        let product = try #require(product)
        await #expect(throws: LifecycleTimeout.self) { try await source.rows(for: product, entityTag: nil) }
        #expect(clock.sleeps == [.seconds(5)])
    }
}
