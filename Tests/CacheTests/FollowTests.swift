import Cache
import CacheSupport
import NIOCore
import OCI
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct FollowTests {
    @Test("A followed blob is committed, readable and recorded", arguments: [0, 1, 70_000, 1 << 20, 5_000_001])
    func endToEnd(size: Int) async throws {
        let content = bytes(size)
        try await withCache { cache, path in
            let source = FakeSource([content])
            #expect(try !cache.contains(blob(content)))
            #expect(try cache.blob(blob(content)) == nil)
            let reader = try await cache.follow(blob(content), from: source)
            #expect(reader.provenance == .downloading)
            #expect(try await reader.all() == content)
            #expect(try cache.contains(blob(content)))
            #expect(try contents(file(blob(content).digest, in: path)) == content)
            #expect(try names("\(path)/ingest").isEmpty)
            #expect(try await cache.hold([blob(content)]) == [blob(content).digest])
            let again = try await cache.follow(blob(content), from: source)
            #expect(again.provenance == .cached)
            #expect(try await again.all() == content)
            #expect(source.offsets == (size == 0 ? [] : [0]))
            #expect(cache.statistics.downloadedBytes == Int64(size))
            #expect(cache.statistics.cachedBytes == Int64(size))
        }
    }

    @Test("A hundred tasks that follow one digest read its source once")
    func single() async throws {
        let content = bytes(3_000_000)
        try await withCache { cache, _ in
            let source = FakeSource([content])
            try await withThrowingTaskGroup(of: ByteBuffer.self) { group in
                for _ in 0..<100 {
                    group.addTask { try await cache.follow(blob(content), from: source).all() }
                }
                for try await result in group { #expect(result == content) }
            }
            #expect(source.offsets == [0])
        }
    }

    @Test("Readers get what has arrived at any offset, and the last piece only after the commit")
    func whileArriving() async throws {
        let content = bytes(2_000_000)
        let barrier = Barrier()
        try await withCache { cache, _ in
            let source = FakeSource([content], [.stall(at: 1_990_000, barrier)])
            let reader = try await cache.follow(blob(content), from: source)
            #expect(try await reader.read(at: 1_000_000, atMost: 9) == content.getSlice(at: 1_000_000, length: 9))
            #expect(try await reader.read(at: 5, atMost: 7) == content.getSlice(at: 5, length: 7))
            try await barrier.arrivals()
            let isReleased = Watched(false)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    let last = try await reader.read(at: 1_950_000, atMost: 9)
                    #expect(last == content.getSlice(at: 1_950_000, length: 9))
                    #expect(isReleased.value)
                    #expect(try cache.contains(blob(content)))
                }
                for _ in 0..<100 { await Task.yield() }
                isReleased.update { $0 = true }
                barrier.open()
                try await group.waitForAll()
            }
        }
    }

    @Test("A reader that leaves does not stop the download")
    func leaving() async throws {
        let content = bytes(2_000_000)
        let barrier = Barrier()
        try await withCache { cache, _ in
            let source = FakeSource([content], [.stall(at: 1_000_000, barrier)])
            let reader = try await cache.follow(blob(content), from: source)
            await #expect(throws: CancellationError.self) {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { _ = try await reader.read(at: 1_500_000, atMost: 10) }
                    try await barrier.arrivals()
                    group.cancelAll()
                    try await group.waitForAll()
                }
            }
            barrier.open()
            let other = try await cache.follow(blob(content), from: source)
            #expect(try await other.all() == content)
            #expect(source.offsets == [0])
        }
    }

    @Test("A source's failure reaches the readers, and the next try continues where it stopped")
    func resume() async throws {
        let content = bytes(3_000_000)
        try await withCache { cache, _ in
            let source = FakeSource([content], [.fail(at: 2_000_000)])
            let reader = try await cache.follow(blob(content), from: source)
            await #expect(throws: FakeSource.Failure.self) { try await reader.all() }
            #expect(try await cache.follow(blob(content), from: source).all() == content)
            #expect(source.offsets == [0, 2_000_000])
            #expect(cache.statistics.resumedBytes == 2_000_000)
            #expect(source.delivered == 3_000_000)
        }
    }

    @Test("A download that the end of its scope stopped is continued by the next", arguments: [40_000, 1_500_000])
    func resumeAcrossScopes(stop: Int) async throws {
        let content = bytes(stop * 2)
        let barrier = Barrier()
        let source = FakeSource([content], [.stall(at: stop, barrier)])
        try await TemporaryDirectory.with { path in
            let reader = try await ContentCache.with(configuration(path)) { cache in
                let reader = try await cache.follow(blob(content), from: source)
                try await barrier.arrivals()
                return reader
            }
            await #expect(throws: CancellationError.self) { try await reader.all() }
            #expect(try contents(partial(blob(content).digest, in: path)).readableBytes == stop)
            try await ContentCache.with(configuration(path)) { cache in
                let reader = try await cache.follow(blob(content), from: source)
                #expect(try await reader.all() == content)
            }
            #expect(source.offsets == [0, Int64(stop)])
        }
    }

    @Test("Nothing can be followed once the scope has ended")
    func closed() async throws {
        try await TemporaryDirectory.with { path in
            let escaped = try await ContentCache.with(configuration(path)) { $0 }
            let error = await #expect(throws: CacheError.self) {
                try await escaped.follow(blob(bytes(10)), from: FakeSource([bytes(10)]))
            }
            #expect(error?.kind == .closed)
        }
    }

    @Test("Of two sizes for one digest neither decides about the other", arguments: [true, false])
    func twoSizes(isFirstRight: Bool) async throws {
        let content = bytes(100_000)
        let right = blob(content)
        let wrong = try #require(Descriptor(mediaType: .octetStream, digest: right.digest, size: 99))
        let barrier = Barrier()
        try await withCache(attempts: 1) { cache, path async throws in
            let source = FakeSource([content], [.stall(at: isFirstRight ? 10 : 0, barrier)])
            let first = try await cache.follow(isFirstRight ? right : wrong, from: source)
            try await barrier.arrivals()
            let other = FakeSource([content], place: "b/app")
            let second = try await cache.follow(isFirstRight ? wrong : right, from: other)
            let readers = isFirstRight ? [first, second] : [second, first]
            // The second has its end while the first stands still.
            if isFirstRight {
                let error = await #expect(throws: CacheError.self) { try await readers[1].whenCommitted() }
                #expect(error?.kind == .digestMismatch)
                barrier.open()
                try await readers[0].whenCommitted()
            } else {
                try await readers[0].whenCommitted()
                barrier.open()
                let error = await #expect(throws: CacheError.self) { try await readers[1].whenCommitted() }
                #expect(error?.kind == .digestMismatch)
            }
            #expect(try await cache.blob(right)?.all() == content)
            #expect(try names("\(path)/ingest").isEmpty)
        }
    }

    @Test("Where a source fails the download goes on from that of somebody else who waits for it")
    func nextSource() async throws {
        let content = bytes(100_000)
        let barrier = Barrier()
        try await withCache { cache, _ async throws in
            let first = try await cache.follow(blob(content), from: FailingSource(place: "a/app", barrier: barrier))
            try await barrier.arrivals()
            let source = FakeSource([content], place: "b/app")
            let second = try await cache.follow(blob(content), from: source)
            #expect(second.provenance == .joined)
            barrier.open()
            #expect(try await second.all() == content)
            #expect(try await first.all() == content)
            #expect(source.offsets == [0])
        }
    }

    @Test("Where each source fails, each reader is told what his own has said; none is asked twice")
    func allSourcesFail() async throws {
        let content = bytes(100_000)
        let barrier = Barrier()
        try await withCache { cache, _ async throws in
            let source = FailingSource(place: "a/app", barrier: barrier)
            var readers = [try await cache.follow(blob(content), from: source)]
            try await barrier.arrivals()
            for place in ["b/app", "a/app"] {
                readers.append(
                    try await cache.follow(blob(content), from: FailingSource(place: place, barrier: barrier))
                )
            }
            barrier.open()
            for (reader, place) in zip(readers, ["a/app", "b/app", "a/app"]) {
                let error = await #expect(throws: FailingSource.Failure.self) { try await reader.whenCommitted() }
                #expect(error?.place == place)
            }
            #expect(source.count.value == 1)
        }
    }
}

/// A source that lacks what it is asked for, and says so when the barrier is open.
private struct FailingSource: ContentSource {
    struct Failure: Error {
        let place: String
    }

    let place: String
    let barrier: Barrier
    let count = Watched(0)
    var origin: RepositoryReference? { nil }

    func manifest(_ descriptor: Descriptor) async throws -> Manifest { throw Failure(place: place) }

    func readBlob(
        _ descriptor: Descriptor,
        from offset: Int64,
        ahead scratch: (any ScratchSpace)?,
        deliver: (ByteBuffer) async throws -> Void
    ) async throws {
        count.update { $0 += 1 }
        try await barrier.wait()
        throw Failure(place: place)
    }
}
