import TestSupport
import Testing

@testable import Serve

@Suite(.timeLimit(.minutes(5)))
struct TurnQueueTests {
    private struct Running: Sendable {
        var now = 0
        var most = 0
    }

    @Test("However many wishes one client has, another's comes next; no more than there are places are granted")
    func turns() async throws {
        let queue = TurnQueue(places: 2)
        let gate = Watched(false)
        let served = Watched([String]())
        let running = Watched(Running())
        let wish = { @Sendable (client: String) in
            try await queue.withPlace(ServedClient(key: client)) {
                running.update { running in
                    running.now += 1
                    running.most = max(running.most, running.now)
                }
                try await gate.wait { $0 }
                served.update { $0.append(client) }
                running.update { $0.now -= 1 }
            }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for client in Array(repeating: "guesser", count: 64) + ["alice"] {
                let count = queue.waitingCount
                let begun = running.value.now
                group.addTask { try await wish(client) }
                while queue.waitingCount == count, running.value.now == begun { await Task.yield() }
            }
            gate.update { $0 = true }
            try await group.waitForAll()
        }
        #expect(served.value.count == 65)
        // Two had begun before it came.
        #expect(served.value.prefix(4).contains("alice"))
        #expect(running.value.most == 2)
    }
}
