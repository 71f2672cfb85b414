import OCI
import TestSupport
import Testing

/// One blob over several connections that bring nothing, or next to nothing.
@Suite(.timeLimit(.minutes(3)))
struct StalledWindowTests {
    // Nothing that stands still ends by itself before the test does.
    private static let patient = RetryPolicy(timeout: .seconds(3600))

    @Test(
        "Windows that bring nothing any more hold neither the others up nor the front's own request",
        arguments: [(1000, 1), (3 << 20, 1), (1 << 20, 8)]
    )
    func dies(after count: Int, times: Int) async throws {
        try await SlowBlob.with(retry: Self.patient) { slow in
            let dead = Valve(bytes: count)
            slow.registry.script(RequestMatch("GET", .blobs, times: times, where: SlowBlob.isWindow), .trickle(dead))
            let isOver = Watched(false)
            async let reads: Void = {
                defer { isOver.update { $0 = true } }
                try await slow.read()
            }()
            try await dead.waitForStalls()
            // Nothing that is healthy waits for less than a minute, but for its first bytes.
            while !isOver.value {
                let left = slow.clock.nextDeadline.map { slow.clock.now.duration(to: $0) } ?? .zero
                if (.zero...Duration.seconds(4)).contains(left) { slow.clock.advance(by: left) }
                await Task.yield()
            }
            try await reads
            #expect(dead.isNarrow)
        }
    }

    @Test(
        "Windows that have brought nothing for long are not waited for, one after the other, when the front comes to them",
        arguments: [(0, 1), (1 << 20, 0)]
    )
    func standsStill(after count: Int, healthy: Int) async throws {
        try await SlowBlob.with(retry: Self.patient) { slow in
            let dead = Valve(bytes: count)
            slow.registry.script(
                RequestMatch("GET", .blobs, times: 7 - healthy, after: healthy, where: SlowBlob.isWindow),
                .trickle(dead)
            )
            try await slow.read {
                try await dead.waitForStalls(7 - healthy)
                try await slow.scratch.written.wait { $0 >= count * (7 - healthy) }
                slow.clock.advance(by: .seconds(5))
            }
            #expect(dead.isNarrow)
        }
    }

    @Test("Who waits for a place has it once windows have brought nothing in time")
    func leavesPlaces() async throws {
        let other = ByteSource.random(seed: 9, count: 1000)
        try await SlowBlob.with(retry: Self.patient) { slow in
            slow.registry.store.putBlob(.bytes(other), other.descriptor.digest, in: "library/app")
            let silent = Valve()
            slow.registry.script(RequestMatch("GET", .blobs, times: nil, where: SlowBlob.isWindow), .trickle(silent))
            try await slow.read {
                try await silent.waitForStalls(7)
                slow.clock.advance(by: .seconds(5))
                // The front stands still, and has come to none of them.
                #expect(try await slow.repository.bytes(of: other.descriptor) == other.buffer)
            }
        }
    }

    @Test("Windows that bring less than the front's own connection do not take its place")
    func crawl() async throws {
        try await SlowBlob.with(retry: Self.patient) { slow in
            let narrow = Valve(bytes: 64 << 10)
            slow.registry.script(RequestMatch("GET", .blobs, times: nil, where: SlowBlob.isWindow), .trickle(narrow))
            try await slow.read {
                try await slow.scratch.written.wait { $0 >= 7 * 64 << 10 }
                slow.clock.advance(by: .seconds(3))
            }
            #expect(slow.registry.requests.count { !SlowBlob.isWindow($0) } == 1)
            #expect(narrow.isNarrow)
            slow.registry.removeScript()
            try await slow.readOther()
            #expect(!slow.registry.requests.contains(where: SlowBlob.isWindowOfOther))
        }
    }

    @Test("A host that lets windows wait until its first answer is out is asked for blobs by one connection each")
    func queues() async throws {
        try await SlowBlob.with { slow in
            let queue = Valve()
            slow.registry.script(RequestMatch("GET", .blobs, times: nil, where: SlowBlob.isWindow), .trickle(queue))
            try await slow.read {
                try await queue.waitForStalls(7)
                slow.clock.advance(by: .seconds(5))
            }
            let count = slow.registry.requests.count(where: SlowBlob.isWindow)
            #expect((7...8).contains(count))
            #expect(slow.scratch.alive == 0)
            slow.registry.removeScript()
            try await slow.readOther()
            #expect(!slow.registry.requests.contains(where: SlowBlob.isWindowOfOther))
        }
    }
}
