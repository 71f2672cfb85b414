import TestSupport
import Testing

@testable import Concurrency
@testable import Serve

@Suite(.timeLimit(.minutes(5)))
struct FlightsTests {
    /// Has as much under way about a host as there may be, until it is opened.
    private func crowding(
        _ body: (Flights<Int, Int>, DetachedWork, _ isOpen: Watched<Bool>) async throws -> Void
    ) async throws {
        let (work, isOpen, asked) = (DetachedWork(), Watched(false), Watched(0))
        let flights = Flights<Int, Int>(work)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await work.run() }
            defer { group.cancelAll() }
            for number in 0..<DetachedWork.share {
                group.addTask {
                    _ = try await flights.value(for: number, about: "a") {
                        asked.update { $0 += 1 }
                        try await isOpen.wait { $0 }
                        return number
                    }
                }
            }
            try await asked.wait { $0 == DetachedWork.share }
            try await body(flights, work, isOpen)
        }
    }

    @Test("What waits for its turn goes with the last who wants it, and can be asked for anew")
    func abandoned() async throws {
        try await crowding { flights, work, isOpen in
            let ask = { @Sendable (answer: Int) in try await flights.value(for: -1, about: "a") { answer } }
            let left = try await leaving {
                while work.waiterCount == 0 { await Task.yield() }
            } _: {
                try await ask(1)
            }
            #expect(throws: CancellationError.self) { _ = try left?.get() }
            #expect(work.waiterCount == 0)
            isOpen.update { $0 = true }
            #expect(try await ask(2) == 2)
        }
    }

    @Test("What waits for its turn stays while one of those is left who want it")
    func joined() async throws {
        try await crowding { flights, work, isOpen in
            let ask = { @Sendable in try await flights.value(for: -1, about: "a") { 1 } }
            _ = try await leaving {
                while work.waiterCount == 0 { await Task.yield() }
                async let other = ask()
                _ = try await leaving(at: {}, ask)
                #expect(work.waiterCount == 1)
                isOpen.update { $0 = true }
                #expect(try await other == 1)
            } _: {
                try await ask()
            }
        }
    }
}
