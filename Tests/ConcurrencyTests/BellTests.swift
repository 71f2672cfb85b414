import Concurrency
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct BellTests {
    @Test("Who comes after it has rung does not wait, and the next one does until it rings again")
    func ringing() async throws {
        let bell = Bell()
        bell.ring()
        bell.ring()
        try await bell.wait()
        let woken = Watched(0)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await bell.wait()
                woken.update { $0 += 1 }
            }
            for _ in 0..<100 { await Task.yield() }
            #expect(woken.value == 0)
            bell.ring()
            try await group.waitForAll()
        }
        #expect(woken.value == 1)
    }

    @Test("A cancelled wait ends, and leaves the bell to the next one")
    func cancelled() async throws {
        let bell = Bell()
        await #expect(throws: CancellationError.self) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await bell.wait() }
                group.cancelAll()
                try await group.waitForAll()
            }
        }
        bell.ring()
        try await bell.wait()
    }
}
