import Concurrency
import TestSupport
import Testing

/// Those who wait for what the first of them hears.
@Suite(.timeLimit(.minutes(1)))
struct FirstWordTests {
    private let clock = ManualClock()

    private func words() -> FirstWord<String> {
        FirstWord(Timer(clock), patience: .seconds(5), memory: .seconds(60))
    }

    @Test("One is the first, and the next is when that one leaves without a word")
    func leaves() async throws {
        let words = words()
        let turn = try #require(try await words.wait(for: "a"))
        #expect(try await words.wait(for: "b") != nil)
        async let next = words.wait(for: "a")
        words.leave(turn)
        #expect(try await next != nil)
    }

    @Test("Who leaves late ends no other's turn")
    func leavesLate() async throws {
        let words = words()
        let turn = try #require(try await words.wait(for: "a"))
        words.heard("a")
        words.forget("a")
        #expect(try await words.wait(for: "a") != nil)
        words.leave(turn)
        async let other = words.wait(for: "a")
        try await clock.waitForSleepers()
        clock.advance(by: .seconds(5))
        #expect(try await other == nil)
    }

    @Test("A word lets all in, for as long as it counts or until it is forgotten")
    func hears() async throws {
        let words = words()
        let turn = try #require(try await words.wait(for: "a"))
        async let next = words.wait(for: "a")
        words.heard("a")
        #expect(try await next == nil)
        words.leave(turn)
        #expect(try await words.wait(for: "a") == nil)
        clock.advance(by: .seconds(59))
        words.heard("a")
        clock.advance(by: .seconds(59))
        #expect(try await words.wait(for: "a") == nil)
        clock.advance(by: .seconds(1))
        #expect(try await words.wait(for: "a") != nil)
        words.heard("a")
        words.forget("a")
        #expect(try await words.wait(for: "a") != nil)
    }

    @Test("Who says nothing is waited for once, by all together")
    func hangs() async throws {
        let words = words()
        let turn = try #require(try await words.wait(for: "a"))
        clock.advance(by: .seconds(2))
        async let other = words.wait(for: "a")
        try await clock.waitForSleepers()
        clock.advance(by: .seconds(3))
        #expect(try await other == nil)
        #expect(try await words.wait(for: "a") == nil)
        words.leave(turn)
        #expect(try await words.wait(for: "a") != nil)
    }
}
