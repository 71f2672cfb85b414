import Cache
import CacheSupport
import NIOCore
import OCI
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct MismatchTests {
    @Test("After wrong bytes the whole is asked for as it is, in no parts")
    func whole() async throws {
        let content = bytes(2_000_000)
        try await withCache { cache, _ async throws in
            let source = FakeSource([content], [.corrupt(at: 5)])
            try await cache.follow(blob(content), from: source).whenCommitted()
            #expect(source.mayBeAhead == [true, false])
        }
    }

    @Test(
        "Wrong bytes are never committed; a fresh attempt repairs them",
        arguments: [3_000_000, 10_000],
        [FakeSource.Behaviour.corrupt(at: 5), .corrupt(at: 9_999), .extra(count: 1), .short(at: 9_998)]
    )
    func repaired(size: Int, behaviour: FakeSource.Behaviour) async throws {
        let content = bytes(size)
        try await withCache { cache, _ in
            let source = FakeSource([content], [behaviour])
            try await cache.follow(blob(content), from: source).whenCommitted()
            let stored = try #require(try cache.blob(blob(content)))
            #expect(try await stored.all() == content)
            #expect(source.offsets == [0, 0])
        }
    }

    @Test("A source that keeps sending wrong bytes is given up after the policy's attempts, by name")
    func givenUp() async throws {
        let content = bytes(1000)
        try await withCache(attempts: 3) { cache, path in
            let source = FakeSource([content], Array(repeating: .corrupt(at: 5), count: 5))
            let reader = try await cache.follow(blob(content), from: source)
            let error = await #expect(throws: CacheError.self) { try await reader.whenCommitted() }
            #expect(error?.kind == .digestMismatch)
            let text = try #require(error?.description)
            #expect(text.contains("the upstream registry.example.com/app sends other bytes"))
            #expect(text.contains("expected \(blob(content).digest) of 1000 bytes, got sha256:"))
            #expect(source.offsets == [0, 0, 0])
            #expect(!exists(partial(blob(content).digest, in: path)))
            #expect(try !cache.contains(blob(content)))
        }
    }

    @Test("A rotten beginning is thrown away without costing an attempt")
    func rottenPartial() async throws {
        let content = bytes(3_000_000)
        try await withCache(attempts: 1) { cache, path in
            var rotten = content.getSlice(at: 0, length: 1_000_000) ?? ByteBuffer()
            rotten.flipByte(at: 10)
            try write(rotten, to: partial(blob(content).digest, in: path))
            let source = FakeSource([content])
            try await cache.follow(blob(content), from: source).whenCommitted()
            #expect(source.offsets == [1_000_000, 0])
            #expect(try contents(file(blob(content).digest, in: path)) == content)
        }
    }

    @Test("A partial is used for what it holds", arguments: [0, 70_000, 100_000, 100_001])
    func partialLength(length: Int) async throws {
        let content = bytes(100_000)
        try await withCache { cache, path in
            var beginning = content.getSlice(at: 0, length: min(length, 100_000)) ?? ByteBuffer()
            beginning.writeRepeatingByte(1, count: length - beginning.readableBytes)
            try write(beginning, to: partial(blob(content).digest, in: path))
            let source = FakeSource([content])
            #expect(try await cache.follow(blob(content), from: source).all() == content)
            let expected: [Int: [Int64]] = [0: [0], 70_000: [70_000], 100_000: [], 100_001: [0]]
            #expect(source.offsets == expected[length])
        }
    }

    @Test("A reader that saw wrong bytes is told to begin again")
    func restarted() async throws {
        let content = bytes(3_000_000)
        let (first, second) = (Barrier(), Barrier())
        try await withCache { cache, path in
            var rotten = content.getSlice(at: 0, length: 1_000_000) ?? ByteBuffer()
            rotten.flipByte(at: 10)
            try write(rotten, to: partial(blob(content).digest, in: path))
            let source = FakeSource([content], [.stall(at: 2_000_000, first), .stall(at: 500_000, second)])
            let reader = try await cache.follow(blob(content), from: source)
            #expect(try await reader.read(at: 0, atMost: 100) == rotten.getSlice(at: 0, length: 100))
            first.open()
            try await second.arrivals()
            let error = await #expect(throws: CacheError.self) { try await reader.read(at: 100, atMost: 100) }
            #expect(error?.kind == .restarted)
            second.open()
            #expect(try await reader.all() == content)
        }
    }

    @Test("A damaged blob is found while it is read, put aside and downloaded again", arguments: [1000, 3_000_000])
    func damaged(size: Int) async throws {
        let content = bytes(size)
        try await withCache { cache, path in
            let source = FakeSource([content])
            try await cache.follow(blob(content), from: source).whenCommitted()
            var rotten = content
            rotten.flipByte(at: 10)
            try write(rotten, to: file(blob(content).digest, in: path))
            let reader = try await cache.follow(blob(content), from: source)
            let error = await #expect(throws: CacheError.self) { try await reader.all() }
            #expect(error?.kind == .corrupt)
            #expect(try !cache.contains(blob(content)))
            #expect(try names("\(path)/quarantine").count == 1)
            #expect(try await cache.hold([blob(content)]).isEmpty)
            #expect(try await cache.follow(blob(content), from: source).all() == content)
            #expect(source.offsets == [0, 0])
        }
    }
}
