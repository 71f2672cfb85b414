import Dispatch
import TestSupport
import Testing

@testable import Cache

@Suite(.serialized, .timeLimit(.minutes(10)))
struct WaitingRoomTests {
    @Test(
        "Work that takes long in one place delays none of another kind",
        arguments: [
            WaitingRoom.syncing, .hashing, .streams,
        ]
    )
    func separate(_ room: WaitingRoom) async throws {
        let gate = DispatchSemaphore(value: 0)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<64 { group.addTask { try await blocking(on: room) { gate.wait() } } }
            for other in [WaitingRoom.files, .syncing, .hashing, .streams] where other != room {
                #expect(try await blocking(on: other) { 1 } == 1)
            }
            for _ in 0..<64 { gate.signal() }
            try await group.waitForAll()
        }
    }

    @Test("Work is done to its end in a task that was cancelled")
    func cancelled() async throws {
        let isDone = Watched(false)
        await withTaskGroup(of: Void.self) { group in
            group.cancelAll()
            group.addTask { try? await blocking { isDone.update { $0 = true } } }
        }
        #expect(isDone.value)
    }
}
