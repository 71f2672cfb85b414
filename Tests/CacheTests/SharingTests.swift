import Cache
import CacheSupport
import Glibc
import NIOCore
import OCI
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct SharingTests {
    @Test("Two caches on one directory download a blob once, and the waiting one's readers see it arrive")
    func shared() async throws {
        let content = bytes(2_000_000)
        let barrier = Barrier()
        let first = FakeSource([content], [.stall(at: 1_000_000, barrier)])
        let second = FakeSource([content])
        try await TemporaryDirectory.with { path in
            try await ContentCache.with(configuration(path)) { one in
                let writer = try await one.follow(blob(content), from: first)
                try await barrier.arrivals()
                try await ContentCache.with(configuration(path, clock: ContinuousClock())) { other in
                    let reader = try await other.follow(blob(content), from: second)
                    #expect(try await reader.read(at: 500_000, atMost: 9) == content.getSlice(at: 500_000, length: 9))
                    barrier.open()
                    #expect(try await reader.all() == content)
                }
                #expect(try await writer.all() == content)
            }
            #expect(first.offsets == [0])
            #expect(second.offsets.isEmpty)
        }
    }

    @Test("A waiting cache takes over where the other one stopped")
    func takeOver() async throws {
        let content = bytes(2_000_000)
        let barrier = Barrier()
        let isWatched = Barrier()
        let first = FakeSource([content], [.stall(at: 1_000_000, barrier)])
        let second = FakeSource([content])
        try await TemporaryDirectory.with { path in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await ContentCache.with(configuration(path)) { one in
                        _ = try await one.follow(blob(content), from: first)
                        try await barrier.arrivals()
                        try await isWatched.wait()
                    }
                }
                try await barrier.arrivals()
                try await ContentCache.with(configuration(path, clock: ContinuousClock())) { other in
                    let reader = try await other.follow(blob(content), from: second)
                    _ = try await reader.read(at: 500_000, atMost: 9)
                    isWatched.open()
                    #expect(try await reader.all() == content)
                    #expect(other.statistics.resumedBytes == 1_000_000)
                }
                try await group.waitForAll()
            }
            #expect(second.offsets == [1_000_000])
        }
    }

    @Test("A download that pauses for longer than the lock timeout is waited for while its process lives")
    func pausing() async throws {
        let content = bytes(200_000)
        let barrier = Barrier()
        let source = FakeSource([content], [.stall(at: 100_000, barrier)])
        try await TemporaryDirectory.with { path in
            let pulse = ManualClock()
            let poll = ManualClock()
            var alive = configuration(path)
            alive.pulse = pulse
            try await ContentCache.with(alive) { one in
                let writer = try await one.follow(blob(content), from: source)
                try await barrier.arrivals()
                try await ContentCache.with(configuration(path, clock: poll)) { other in
                    let reader = try await other.follow(blob(content), from: FakeSource([content]))
                    let partial = partial(blob(content).digest, in: path)
                    for _ in 0..<100 {
                        let earlier = try modification(partial)
                        try await pulse.waitForSleepers()
                        pulse.advance(by: .seconds(1))
                        while try modification(partial) == earlier { await Task.yield() }
                        for _ in 0..<10 {
                            try await poll.waitForSleepers()
                            poll.advance(by: .milliseconds(100))
                        }
                    }
                    barrier.open()
                    try await writer.whenCommitted()
                    try await poll.waitForSleepers()
                    poll.advance(by: .milliseconds(100))
                    #expect(try await reader.all() == content)
                }
            }
            #expect(source.offsets == [0])
        }
    }

    /// When a file was written to, or touched, last: seconds and nanoseconds.
    private func modification(_ path: String) throws -> [Int] {
        var status = stat()
        try #require(stat(path, &status) == 0)
        return [status.st_mtim.tv_sec, status.st_mtim.tv_nsec]
    }

    @Test("A download of another process that stands still is given up after the lock timeout")
    func stalled() async throws {
        let content = bytes(200_000)
        let barrier = Barrier()
        try await TemporaryDirectory.with { path in
            var halted = configuration(path)
            halted.pulse = ManualClock()
            try await ContentCache.with(halted) { one in
                _ = try await one.follow(blob(content), from: FakeSource([content], [.stall(at: 100_000, barrier)]))
                try await barrier.arrivals()
                try await ContentCache.with(configuration(path)) { other in
                    let reader = try await other.follow(blob(content), from: FakeSource([content]))
                    let error = await #expect(throws: CacheError.self) { try await reader.whenCommitted() }
                    #expect(error?.kind == .locked)
                    let another = try await other.follow(blob(content), from: FakeSource([content]))
                    await #expect(throws: CacheError.self, "what had come before is no answer") {
                        try await another.whenAnswered()
                    }
                    #expect(error?.description.contains("stands still") == true)
                }
            }
        }
    }

    @Test("Two hundred small blobs at once are all recorded, in far fewer transactions")
    func groupCommit() async throws {
        let contents = (0..<200).map { bytes(2000, seed: UInt64($0 + 1)) }
        try await withCache { cache, path in
            let source = FakeSource(contents)
            let before = cache.transactionCount
            try await withThrowingTaskGroup(of: Void.self) { group in
                for content in contents {
                    group.addTask { try await cache.follow(blob(content), from: source).whenCommitted() }
                }
                try await group.waitForAll()
            }
            #expect(cache.transactionCount - before < 100)
            #expect(try names("\(path)/blobs/sha256").count == 200)
            #expect(try await cache.hold(contents.map(blob)).count == 200)
            #expect(cache.statistics.downloads == 200)
        }
    }

    @Test("One blob's failure does not keep the others of its batch from being committed")
    func partOfBatch() async throws {
        let contents = (0..<20).map { bytes(2000, seed: UInt64($0 + 1)) }
        try await withCache(attempts: 1) { (cache, path) async throws -> Void in
            let source = FakeSource(contents, [.corrupt(at: 1)])
            let failures = Watched(0)
            await withTaskGroup(of: Void.self) { group in
                for content in contents {
                    group.addTask {
                        do {
                            try await cache.follow(blob(content), from: source).whenCommitted()
                        } catch {
                            failures.update { $0 += 1 }
                        }
                    }
                }
            }
            #expect(failures.value == 1)
            #expect(try names("\(path)/blobs/sha256").count == 19)
        }
    }
}
