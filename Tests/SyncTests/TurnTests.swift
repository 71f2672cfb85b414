import Concurrency
import TestSupport
import Testing

@testable import Sync

/// How many images are copied at a time.
@Suite(.timeLimit(.minutes(10)))
struct TurnTests {
    private static let far = { @Sendable in Optional(48) }
    private static let near = { @Sendable in Int?.none }

    /// How many images begin of forty, none of whose blobs arrives for now; then lets all of them end.
    private func begun(_ expected: Int, images: Int = 4, blobs: Int, room: Int?) async throws -> Int {
        let turns = Turns(images)
        let room = { @Sendable in room }
        let (begun, gate) = (Watched(0), Watched(false))
        return try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<40 {
                group.addTask {
                    try await turns.withTurn(blobs: blobs, room: room) { turn in
                        begun.update { $0 += 1 }
                        try await gate.wait { $0 }
                        for _ in 0..<blobs { turn.blobIsThere() }
                        turn.giveBack()
                    }
                }
            }
            try await begun.wait { $0 >= expected }
            for _ in 0..<100 { await Task.yield() }
            let count = begun.value
            gate.update { $0 = true }
            try await group.waitForAll()
            #expect(begun.value == 40)
            return count
        }
    }

    @Test(
        "More images begin while those that have begun have fewer blobs than keep a far host busy",
        arguments: [
            (nil, 1, 4), (nil, 100, 4), (48, 9, 6), (48, 2, 24), (48, 1, 40), (48, 12, 4), (48, 100, 4), (16, 1, 16),
            (4, 1, 4),
            (48, 0, 40),
        ] as [(Int?, Int, Int)]
    )
    func begins(room: Int?, blobs: Int, expected: Int) async throws {
        #expect(try await begun(expected, blobs: blobs, room: room) == expected)
    }

    @Test("An image that fails leaves its blobs to nobody")
    func forgetsFailed() async throws {
        struct Failure: Error {}
        let turns = Turns(1)
        for _ in 0..<10 {
            await #expect(throws: Failure.self) {
                try await turns.withTurn(blobs: 30, room: Self.far) { turn in
                    turn.blobIsThere()
                    throw Failure()
                }
            }
        }
        let begun = Watched(0)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<2 {
                group.addTask {
                    try await turns.withTurn(blobs: 30, room: Self.far) { _ in
                        begun.update { $0 += 1 }
                        try await begun.wait { $0 == 2 }
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test("What is told twice counts once")
    func countsOnce() async throws {
        let turns = Turns(1)
        try await turns.withTurn(blobs: 1, room: Self.near) { turn in
            for _ in 0..<3 { turn.blobIsThere() }
            turn.giveBack()
            turn.giveBack()
        }
        let inside = Watched(0)
        let most = Watched(0)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    try await turns.withTurn(blobs: 1, room: Self.near) { _ in
                        let now = inside.update { value -> Int in
                            value += 1
                            return value
                        }
                        most.update { $0 = max($0, now) }
                        await Task.yield()
                        inside.update { $0 -= 1 }
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(most.value == 1)
    }
}
