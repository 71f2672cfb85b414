import TestSupport
import Testing

@testable import Sync

@Suite(.timeLimit(.minutes(10)))
struct WorkLineTests {
    private let never = AsyncStream<Void> { _ in }

    /// What has begun, in order, and what may end.
    private struct Desk: Sendable {
        let begun = Watched<[String]>([])
        let mayEnd = Watched<Set<String>>([])
        let heldBack = Watched<Set<Character>>([])

        func work(_ item: String) async throws {
            begun.update { $0.append(item) }
            try await mayEnd.wait { $0.contains(item) }
        }

        func isHeldBack(_ item: String) -> Bool { heldBack.value.contains(item.first ?? " ") }

        func end(_ items: String...) { mayEnd.update { $0.formUnion(items) } }
    }

    @Test("Work begins in the order in which it comes, so much at a time, and the line ends with the last")
    func order() async throws {
        let line = WorkLine<[Int]>(news: never, limit: { _ in 3 }, isHeldBack: { _ in false })
        let (most, underWay, begun) = (Watched(0), Watched(0), Watched<[Int]>([]))
        for batch in [[1, 2, 3], [], [4], Array(5...40)] { line.add(batch) }
        line.complete()
        try await line.run { number in
            begun.update { $0.append(number) }
            let now = underWay.update { value -> Int in
                value += 1
                return value
            }
            most.update { $0 = max($0, now) }
            await Task.yield()
            underWay.update { $0 -= 1 }
        }
        #expect(begun.value.sorted() == Array(1...40))
        #expect(most.value <= 3)
    }

    @Test("What is held back, begun or not, keeps nothing else waiting; alone there is as much of it as of anything")
    func heldBack() async throws {
        let desk = Desk()
        let (news, pause) = AsyncStream<Void>.makeStream()
        let line = WorkLine<[String]>(news: news, limit: { _ in 2 }, isHeldBack: { desk.isHeldBack($0) })
        line.add(["a1", "a2", "a3", "a4"])
        line.add(["b1", "b2", "b3"])
        line.complete()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await line.run { try await desk.work($0) } }
            try await desk.begun.wait { $0.count == 2 }
            #expect(Set(desk.begun.value) == ["a1", "a2"])
            desk.heldBack.update { $0 = ["a"] }
            pause.yield()
            try await desk.begun.wait { $0.count == 4 }
            #expect(Set(desk.begun.value[2...]) == ["b1", "b2"])
            desk.end("b1", "b2", "b3")
            try await desk.begun.wait { $0.count == 5 }
            #expect(desk.begun.value.last == "b3")
            desk.end("a1")
            try await desk.begun.wait { $0.count == 6 }
            #expect(desk.begun.value.last == "a3")
            desk.heldBack.update { $0 = [] }
            desk.end("a2", "a3", "a4")
            try await group.waitForAll()
        }
        #expect(desk.begun.value.count == 7)
    }

    @Test("Cancelled it begins nothing more")
    func cancelled() async throws {
        let desk = Desk()
        let line = WorkLine<[String]>(news: never, limit: { _ in 1 }, isHeldBack: { _ in false })
        line.add(["a1", "a2", "a3"])
        await #expect(throws: CancellationError.self) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await line.run { try await desk.work($0) } }
                try await desk.begun.wait { $0.count == 1 }
                group.cancelAll()
                try await group.waitForAll()
            }
        }
        #expect(desk.begun.value == ["a1"])
    }

    @Test("What one piece of work throws ends the line")
    func failed() async throws {
        let line = WorkLine<[Int]>(news: never, limit: { _ in 4 }, isHeldBack: { _ in false })
        line.add(Array(0..<1000))
        let begun = Watched(0)
        await #expect(throws: CancellationError.self) {
            try await line.run { _ in
                begun.update { $0 += 1 }
                throw CancellationError()
            }
        }
        #expect(begun.value < 1000)
    }
}
