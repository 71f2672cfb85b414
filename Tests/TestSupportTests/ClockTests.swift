import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct ClockTests {
    @Test("A sleep on the test clock ends at once, is recorded and moves the time on")
    func testClock() async throws {
        let clock = TestClock()
        try await clock.sleep(for: .seconds(2))
        try await clock.sleep(for: .seconds(4))
        #expect(clock.sleeps == [.seconds(2), .seconds(4)])
        #expect(clock.now.offset == .seconds(6))
    }

    @Test("A sleeper on the manual clock wakes when it is due and not before")
    func manualClock() async throws {
        let clock = ManualClock()
        try await withThrowingTaskGroup(of: Int.self) { group in
            group.addTask {
                try await clock.sleep(for: .seconds(10))
                return 10
            }
            group.addTask {
                try await clock.sleep(for: .seconds(5))
                return 5
            }
            try await clock.waitForSleepers(2)
            clock.advance(by: .seconds(4))
            #expect(clock.sleeperCount == 2)
            clock.advance(by: .seconds(1))
            #expect(try await group.next() == 5)
            #expect(clock.sleeperCount == 1)
            clock.advance(by: .seconds(5))
            #expect(try await group.next() == 10)
        }
    }

    @Test("A cancelled sleeper leaves the manual clock")
    func cancelledSleeper() async throws {
        let clock = ManualClock()
        await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await clock.sleep(for: .seconds(10)) }
            try? await clock.waitForSleepers()
            group.cancelAll()
            await #expect(throws: CancellationError.self) { try await group.next() }
        }
        #expect(clock.sleeperCount == 0)
    }
}
