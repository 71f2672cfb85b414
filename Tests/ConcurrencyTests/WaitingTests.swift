import Concurrency
import Synchronization
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct WaitingTests {
    private func settle() async { for _ in 0..<100 { await Task.yield() } }

    @Test("A semaphore lets no more in than it has places, the longest wait first")
    func limits() async throws {
        let semaphore = Semaphore(2)
        let state = Watched<(inside: Int, most: Int, order: [Int])>((0, 0, []))
        let gate = Gate()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<6 {
                group.addTask {
                    try await semaphore.withPlace {
                        state.update {
                            $0.inside += 1
                            $0.most = max($0.most, $0.inside)
                            $0.order.append(number)
                        }
                        await withCheckedContinuation { continuation in gate.pass { continuation.resume() } }
                        state.update { $0.inside -= 1 }
                    }
                }
                try await state.wait { $0.order.count == min(number + 1, 2) }
                while semaphore.waiterCount < number - 1 { await Task.yield() }
            }
            gate.open()
            try await group.waitForAll()
        }
        #expect(state.value.most == 2)
        #expect(state.value.order == Array(0..<6))
    }

    @Test("Who goes first has the next place before all who have waited longer")
    func goesFirst() async throws {
        let semaphore = Semaphore(1)
        let order = Watched<[Int]>([])
        let gate = Gate()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<6 {
                group.addTask {
                    try await semaphore.withPlace(goesFirst: number > 3) {
                        order.update { $0.append(number) }
                        await withCheckedContinuation { continuation in gate.pass { continuation.resume() } }
                    }
                }
                try await order.wait { !$0.isEmpty }
                while semaphore.waiterCount < number { await Task.yield() }
            }
            gate.open()
            try await group.waitForAll()
        }
        #expect(order.value == [0, 4, 5, 1, 2, 3])
    }

    @Test("Places that are added let in who waits; of those that are taken away the last to leave gives up theirs")
    func resizes() async throws {
        let semaphore = Semaphore(2)
        let gate = Gate()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<9 {
                group.addTask {
                    try await semaphore.withPlace {
                        await withCheckedContinuation { continuation in gate.pass { continuation.resume() } }
                    }
                }
            }
            try await gate.waitForArrivals(2)
            while semaphore.waiterCount < 7 { await Task.yield() }
            semaphore.resize(to: 5)
            try await gate.waitForArrivals(5)
            #expect(semaphore.waiterCount == 4)
            semaphore.resize(to: 1)
            semaphore.resize(to: 0)
            #expect(!semaphore.enterIfFree())
            gate.open()
            try await group.waitForAll()
        }
        #expect(semaphore.enterIfFree())
        #expect(!semaphore.enterIfFree())
        semaphore.resize(to: 3)
        #expect(semaphore.enterIfFree())
        #expect(semaphore.enterIfFree())
        #expect(!semaphore.enterIfFree())
    }

    @Test("Whoever is cancelled while waiting takes no place and no key from the others")
    func forgetsTheCancelled() async throws {
        let semaphore = Semaphore(1)
        let lock = KeyedLock<String>()
        for _ in 0..<50 {
            try await semaphore.withPlace {
                try await lock.withLock("a") {
                    await withTaskGroup(of: Void.self) { group in
                        group.addTask { try? await semaphore.withPlace {} }
                        group.addTask { try? await lock.withLock("a") {} }
                        await settle()
                        group.cancelAll()
                    }
                }
            }
        }
        try await semaphore.withPlace {}
        try await lock.withLock("a") {}
    }

    @Test("A key is held by one at a time, and other keys go on meanwhile")
    func locksKeys() async throws {
        let lock = KeyedLock<Int>()
        let inside = Watched<[Int: Int]>([:])
        try await (0..<200).forEach(limit: 50) { number in
            try await lock.withLock(number % 4) {
                #expect(
                    inside.update {
                        $0[number % 4, default: 0] += 1
                        return $0[number % 4]
                    } == 1
                )
                await Task.yield()
                inside.update { $0[number % 4, default: 0] -= 1 }
            }
        }
        try await lock.withLock(1) { try await lock.withLock(2) {} }
    }

    @Test("A pipe holds its sender back while it is full, by cost or by number", arguments: [(10, Int.max), (.max, 2)])
    func holdsBack(limit: Int, count: Int) async throws {
        let pipe = BoundedPipe<Int>(limit: limit, maximumCount: count, cost: { $0 })
        let sent = Watched(0)
        try await withThrowingTaskGroup(of: [Int].self) { group in
            group.addTask {
                for _ in 0..<20 {
                    try await pipe.send(5)
                    sent.update { $0 += 1 }
                }
                pipe.finish()
                return []
            }
            try await sent.wait { $0 == 2 }
            await settle()
            #expect(sent.value == 2)
            group.addTask {
                var received: [Int] = []
                while let element = try await pipe.receive() { received.append(element) }
                return received
            }
            let received = try await group.reduce(into: []) { $0 += $1 }
            #expect(received == Array(repeating: 5, count: 20))
        }
    }

    @Test("A pipe ends with its sender's error once all is taken, or at once with its receiver's")
    func endsWithErrors() async throws {
        struct Broken: Error, Equatable {}
        let pipe = BoundedPipe<Int>()
        try await pipe.send(1)
        pipe.finish(throwing: Broken())
        #expect(try await pipe.receive() == 1)
        await #expect(throws: Broken()) { try await pipe.receive() }
        let other = BoundedPipe<Int>(maximumCount: 1)
        try await other.send(1)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await #expect(throws: Broken()) { try await other.send(2) } }
            await settle()
            other.close(throwing: Broken())
            try await group.waitForAll()
        }
        await #expect(throws: Broken()) { try await other.receive() }
    }

    @Test("Elements are worked on in a bounded number, and results keep their order")
    func bounds() async throws {
        let inside = Watched<(now: Int, most: Int)>((0, 0))
        let squares = try await (0..<100).map(limit: 7) { number in
            inside.update {
                $0.now += 1
                $0.most = max($0.most, $0.now)
            }
            await Task.yield()
            inside.update { $0.now -= 1 }
            return number * number
        }
        #expect(squares == (0..<100).map { $0 * $0 })
        #expect(inside.value.most <= 7)
        await #expect(throws: CancellationError.self) {
            try await (0..<10).forEach(limit: 2) { if $0 == 3 { throw CancellationError() } }
        }
    }
}
