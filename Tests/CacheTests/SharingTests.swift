import Cache
import NIOCore
import OCI
import TestSupport
import Testing

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

    @Test("A download of another process that stands still is given up after the lock timeout")
    func stalled() async throws {
        let content = bytes(200_000)
        let barrier = Barrier()
        try await TemporaryDirectory.with { path in
            try await ContentCache.with(configuration(path)) { one in
                _ = try await one.follow(blob(content), from: FakeSource([content], [.stall(at: 100_000, barrier)]))
                try await barrier.arrivals()
                try await ContentCache.with(configuration(path)) { other in
                    let reader = try await other.follow(blob(content), from: FakeSource([content]))
                    let error = await #expect(throws: CacheError.self) { try await reader.whenCommitted() }
                    #expect(error?.kind == .locked)
                    #expect(error?.description.contains("without progress") == true)
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
