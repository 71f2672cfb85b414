import Cache
import Concurrency
import OCI
import TestSupport
import Testing

@testable import Serve

@Suite(.timeLimit(.minutes(5)))
struct DownloadQueueTests {
    private struct Order: Sendable {
        var waiting = 0
        var served: [String] = []
    }

    private static func wish(_ client: String, _ size: Int64) -> DownloadQueue.Wish {
        let demand = Demand(grace: .seconds(10), timer: Timer(ManualClock()))
        return DownloadQueue.Wish(host: "example.com", client: ServedClient(key: client), size: size, demand: demand)
    }

    @Test("Each client has its turn, and of a client's wishes the smallest comes first")
    func order() async throws {
        let queue = DownloadQueue { _ in 1 }
        let gate = Watched(false)
        let order = Watched(Order())
        try await withThrowingTaskGroup(of: Void.self) { group in
            let isTaken = Watched(false)
            group.addTask {
                try await queue.withPlace(Self.wish("first", 1)) {
                    isTaken.update { $0 = true }
                    try await gate.wait { $0 }
                }
            }
            try await isTaken.wait { $0 }
            for (client, size) in [("first", 500), ("a", 300), ("a", 100), ("a", 200), ("b", 900), ("c", 50)]
                as [(String, Int64)]
            {
                let count = queue.waitingCount("example.com")
                group.addTask {
                    try await queue.withPlace(Self.wish(client, size)) {
                        order.update { $0.served.append("\(client) \(size)") }
                    }
                }
                while queue.waitingCount("example.com") == count { await Task.yield() }
            }
            gate.update { $0 = true }
            try await group.waitForAll()
        }
        #expect(order.value.served == ["c 50", "a 100", "b 900", "first 500", "a 200", "a 300"])
    }

    @Test("Who has no answer yet may wait for a connection, and is hindered by what stands still")
    func unanswered() async throws {
        let queue = DownloadQueue { _ in 6 }
        await queue.passing(queue, from: "example.com") {
            #expect(queue.isFull("example.com"))
            queue.answered(queue, at: "example.com")
            #expect(!queue.isFull("example.com"))
        }
        let wish = Self.wish("a", 1)
        try await queue.withPlace(wish) {
            #expect(queue.isFull("example.com"))
            queue.answered(wish.demand, at: "example.com")
            #expect(!queue.isFull("example.com"))
        }
    }

    @Test("Who leaves while it waits does not come to its turn")
    func leaving() async throws {
        let queue = DownloadQueue { _ in 1 }
        let gate = Watched(false)
        let served = Watched(0)
        try await withThrowingTaskGroup(of: Void.self) { group in
            let isTaken = Watched(false)
            group.addTask {
                try await queue.withPlace(Self.wish("a", 1)) {
                    isTaken.update { $0 = true }
                    try await gate.wait { $0 }
                }
            }
            try await isTaken.wait { $0 }
            await withThrowingTaskGroup(of: Void.self) { abandoned in
                while queue.waitingCount("example.com") == 0 {
                    for _ in 0..<60 {
                        abandoned.addTask { try await queue.withPlace(Self.wish("b", 1)) { served.update { $0 += 1 } } }
                    }
                    for _ in 0..<1000 where queue.waitingCount("example.com") == 0 { await Task.yield() }
                }
                abandoned.cancelAll()
            }
            #expect(queue.waitingCount("example.com") == 0)
            gate.update { $0 = true }
            try await group.waitForAll()
        }
        #expect(served.value == 0)
    }
}
