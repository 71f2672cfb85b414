import TestSupport
import Testing

@testable import Page

@Suite(.timeLimit(.minutes(10)))
struct SnapshotsTests {
    private struct Failure: Error {}

    /// Snapshots that are numbers, each of which waits for its gate and takes some time.
    private final class Numbered: Sendable {
        let clock = ManualClock()
        let made = Mutable(0)
        let gate = Mutable(Gate())
        let cost = Mutable(Duration.zero)
        let fails = Mutable(false)

        func with<R>(_ body: (Snapshots<Int>) async throws -> R) async throws -> R {
            let snapshots = Snapshots<Int>(clock: clock) { [self] in
                await withCheckedContinuation { continuation in gate.value.pass { continuation.resume() } }
                clock.advance(by: cost.value)
                if fails.value { throw Failure() }
                made.update { $0 += 1 }
                return made.value
            }
            return try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await snapshots.run() }
                defer { group.cancelAll() }
                return try await body(snapshots)
            }
        }
    }

    private let numbered = Numbered()

    @Test("Everybody who asks at once gets the one snapshot that is made")
    func singleFlight() async throws {
        try await numbered.with { snapshots async throws in
            let all = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<100 { group.addTask { try await snapshots.current() } }
                try await numbered.gate.value.waitForArrivals()
                numbered.gate.value.open()
                return try await group.reduce(into: [Int]()) { $0.append($1) }
            }
            #expect(all == [Int](repeating: 1, count: 100))
            #expect(try await snapshots.current() == 1)
        }
    }

    @Test("Who asks while one becomes ready gets that one, and has no other made")
    func meanwhile() async throws {
        numbered.gate.value.open()
        try await numbered.with { snapshots async throws in
            for round in 1...500 {
                try await withThrowingTaskGroup(of: Int.self) { group in
                    for _ in 0..<8 { group.addTask { try await snapshots.current() } }
                    for try await snapshot in group { #expect(snapshot == round) }
                }
                numbered.clock.advance(by: .seconds(5))
            }
            #expect(numbered.made.value == 500)
        }
    }

    @Test("It is as good as new for five seconds, then another is made and waited for")
    func age() async throws {
        numbered.gate.value.open()
        try await numbered.with { snapshots async throws in
            #expect(try await snapshots.current() == 1)
            numbered.clock.advance(by: .milliseconds(4999))
            #expect(try await snapshots.current() == 1)
            numbered.clock.advance(by: .milliseconds(1))
            #expect(try await snapshots.current() == 2)
        }
    }

    @Test("One that takes long lives twenty times as long, and is not waited for while there is another")
    func slow() async throws {
        numbered.gate.value.open()
        numbered.cost.update { $0 = .seconds(3) }
        try await numbered.with { snapshots async throws in
            #expect(try await snapshots.current() == 1)
            numbered.clock.advance(by: .seconds(56))
            #expect(try await snapshots.current() == 1)
            #expect(numbered.made.value == 1)
            let gate = Gate()
            numbered.gate.update { $0 = gate }
            numbered.clock.advance(by: .seconds(1))
            #expect(try await snapshots.current() == 1)
            #expect(try await snapshots.current() == 1)
            try await gate.waitForArrivals()
            #expect(gate.arrivals == 1)
            numbered.clock.advance(by: .seconds(600))
            gate.open()
            #expect(try await snapshots.current() == 2)
        }
    }

    @Test("What goes wrong is told to those who wait, and the next one tries again")
    func failure() async throws {
        numbered.gate.value.open()
        numbered.fails.update { $0 = true }
        try await numbered.with { snapshots async throws in
            await #expect(throws: Failure.self) { try await snapshots.current() }
            numbered.fails.update { $0 = false }
            #expect(try await snapshots.current() == 1)
        }
    }

    @Test("Whoever leaves does not stop it")
    func leaving() async throws {
        try await numbered.with { snapshots async throws in
            await withTaskGroup(of: Void.self) { group in
                group.addTask { _ = try? await snapshots.current() }
                try? await numbered.gate.value.waitForArrivals()
                group.cancelAll()
            }
            numbered.gate.value.open()
            #expect(try await snapshots.current() == 1)
        }
    }

    @Test("At the end nobody is left waiting")
    func ending() async throws {
        let snapshots = Snapshots<Int>(clock: ManualClock()) { 1 }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await snapshots.run() }
            group.cancelAll()
        }
        await #expect(throws: CancellationError.self) { try await snapshots.current() }
    }
}
