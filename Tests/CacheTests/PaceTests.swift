import Cache
import CacheSupport
import NIOCore
import OCI
import TestSupport
import Testing

/// A source that stands still, and somebody else who would have the blob from elsewhere.
@Suite(.timeLimit(.minutes(10)))
struct PaceTests {
    private let content = bytes(300_000)

    /// A cache in whose downloads a second passes when the clock says so.
    private func withPulse(_ body: @Sendable (ContentCache, ManualClock) async throws -> Void) async throws {
        try await TemporaryDirectory.with { path in
            let pulse = ManualClock()
            var configuration = configuration(path)
            configuration.pulse = pulse
            try await ContentCache.with(configuration) { try await body($0, pulse) }
        }
    }

    private func pass(seconds: Int, of pulse: ManualClock) async throws {
        for _ in 0..<seconds {
            try await pulse.waitForSleepers()
            pulse.advance(by: .seconds(1))
        }
    }

    @Test("Where a source gives nothing for ten seconds the blob goes on from that of somebody else who waits for it")
    func goesOnFromAnother() async throws {
        try await withPulse { cache, pulse in
            let barrier = Barrier()
            let slow = FakeSource([content], [.stall(at: 100_000, barrier)], place: "a/app")
            let first = try await cache.follow(blob(content), from: slow)
            try await barrier.arrivals()
            let fast = FakeSource([content], place: "b/app")
            let second = try await cache.follow(blob(content), from: fast)
            try await pass(seconds: 11, of: pulse)
            #expect(try await second.all() == content)
            #expect(try await first.all() == content)
            #expect(slow.offsets == [0] && fast.offsets == [100_000])
        }
    }

    @Test("A source that nobody has another one for is waited for; slow ones have their turns, longer each time")
    func turns() async throws {
        let barriers = (0..<3).map { _ in Barrier() }
        try await withPulse { cache, pulse in
            let stalls = [FakeSource.Behaviour.stall(at: 100_000, barriers[0]), .stall(at: 200_000, barriers[2])]
            let first = FakeSource([content], stalls, place: "a/app")
            let reader = try await cache.follow(blob(content), from: first)
            try await barriers[0].arrivals()
            try await pass(seconds: 30, of: pulse)
            #expect(first.offsets == [0])
            let second = FakeSource([content], [.stall(at: 200_000, barriers[1])], place: "b/app")
            _ = try await cache.follow(blob(content), from: second)
            try await pass(seconds: 1, of: pulse)
            try await barriers[1].arrivals()
            try await pass(seconds: 19, of: pulse)
            #expect(first.offsets == [0] && second.offsets == [100_000])
            try await pass(seconds: 2, of: pulse)
            try await barriers[2].arrivals()
            try await pass(seconds: 19, of: pulse)
            #expect(first.offsets == [0, 200_000] && second.offsets == [100_000])
            // One that comes later has not been slow yet.
            let third = FakeSource([content], place: "c/app")
            _ = try await cache.follow(blob(content), from: third)
            try await pass(seconds: 1, of: pulse)
            #expect(try await reader.all() == content)
            #expect(third.offsets == [200_000])
        }
    }

    @Test("A slow source is asked again where the others fail")
    func comesBack() async throws {
        try await withPulse { cache, pulse in
            let barrier = Barrier()
            let slow = FakeSource([content], [.stall(at: 100_000, barrier)], place: "a/app")
            let first = try await cache.follow(blob(content), from: slow)
            try await barrier.arrivals()
            let failing = FakeSource([content], [.fail(at: 200_000)], place: "b/app")
            _ = try await cache.follow(blob(content), from: failing)
            try await pass(seconds: 11, of: pulse)
            #expect(try await first.all() == content)
            #expect(slow.offsets == [0, 200_000] && failing.offsets == [100_000])
        }
    }
}
