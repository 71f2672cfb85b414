import NIOCore
import OCI
import TestSupport
import Testing

@testable import Concurrency
@testable import Serve

@Suite(.timeLimit(.minutes(10)))
struct PassingBlobTests {
    private static let size = 3 << 20
    private let image = SampleImage.image(layers: [.init(seed: 5, size: size)])
    private var layer: SampleImage.Part { image.blobs[1] }

    private func begin(
        from upstream: FakeUpstream,
        _ work: DetachedWork,
        clock: any Clock<Duration> = ContinuousClock(),
        of host: RegistryHost = PullThroughFixture.host,
        in downloads: DownloadQueue = DownloadQueue { _ in 6 }
    ) -> PassingBlob? {
        PassingBlob(layer.descriptor, from: upstream, work, Timer(clock), of: host, in: downloads)
    }

    private func withBlob(
        content: ByteBuffer? = nil,
        upstream: FakeUpstream = FakeUpstream(),
        _ body: (PassingBlob) async throws -> Void
    ) async throws {
        try upstream.load(image)
        if let content { upstream.change { $0.blobs[layer.descriptor.digest] = content } }
        let work = DetachedWork()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await work.run() }
            defer { group.cancelAll() }
            try await body(try #require(begin(from: upstream, work)))
        }
    }

    private func read(_ blob: PassingBlob, from offset: Int) async throws -> ByteBuffer {
        var result = ByteBuffer()
        while true {
            var piece = try await blob.read(at: Int64(offset + result.readableBytes), atMost: 100_000)
            guard piece.readableBytes > 0 else { return result }
            result.writeBuffer(&piece)
        }
    }

    @Test("A blob passes whole, or from an offset on", arguments: [0, 1, 2_000_000, 3 << 20])
    func passes(offset: Int) async throws {
        try await withBlob { blob in
            _ = try await blob.read(at: 0, atMost: 1)
            let bytes = try await read(blob, from: offset)
            #expect(bytes == layer.source.buffer.getSlice(at: offset, length: Self.size - offset))
        }
    }

    @Test("It has been answered before its first byte has come")
    func answered() async throws {
        let upstream = FakeUpstream()
        upstream.change { $0.allowance = 0 }
        try await withBlob(upstream: upstream) { blob in
            try await blob.whenAnswered()
            upstream.change { $0.allowance = .max }
            #expect(try await read(blob, from: 0) == layer.source.buffer)
        }
    }

    @Test("The end of wrong bytes is held back")
    func wrongBytes() async throws {
        try await withBlob(content: ByteSource.random(seed: 6, count: Self.size).buffer) { blob in
            await #expect(throws: UpstreamError.self) { _ = try await read(blob, from: 0) }
        }
    }

    @Test("Transfers whose clients have left end, so that there is room for others")
    func room() async throws {
        let upstream = FakeUpstream()
        try upstream.load(image)
        let work = DetachedWork()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await work.run() }
            defer { group.cancelAll() }
            for number in 0..<DetachedWork.limit {
                _ = begin(from: upstream, work, of: try RegistryHost("\(number % 4).example.com"))
            }
            let blob = try #require(begin(from: upstream, work))
            #expect(try await read(blob, from: 0) == layer.source.buffer)
        }
    }

    @Test("A transfer whose client leaves ends with the piece that comes next")
    func leaving() async throws {
        let upstream = FakeUpstream()
        try upstream.load(image)
        upstream.change { $0.allowance = 1 << 17 }
        let work = DetachedWork()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await work.run() }
            defer { group.cancelAll() }
            do {
                let left = try #require(begin(from: upstream, work))
                _ = try await left.read(at: 0, atMost: 1)
            }
            upstream.change { $0.allowance = .max }
            let other = try #require(begin(from: upstream, work))
            #expect(try await read(other, from: 0) == layer.source.buffer)
            // What had come, and one piece more.
            #expect(upstream.sent <= Self.size + 3 << 16)
        }
    }

    /// Has as many as there are places answered, and nobody read on for as long as a transfer waits.
    ///
    /// Not a byte is read: what that makes room for would end the wait for more room, and begin another.
    private func withSlowReaders(
        of upstream: FakeUpstream,
        connections: Int,
        _ body: ([PassingBlob], DetachedWork, _ next: () throws -> PassingBlob) async throws -> Void
    ) async throws {
        try upstream.load(image)
        let (work, clock, downloads) = (DetachedWork(), ManualClock(), DownloadQueue { _ in connections })
        let next = { try #require(begin(from: upstream, work, clock: clock, in: downloads)) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await work.run() }
            defer { group.cancelAll() }
            let slow = try (0..<DetachedWork.share).map { _ in try next() }
            for blob in slow { try await blob.whenAnswered() }
            try withExtendedLifetime(next()) { #expect(work.waiterCount == 1) }
            // Who has left waits no more.
            #expect(work.waiterCount == 0)
            try await clock.waitForSleepers(slow.count)
            clock.advance(by: PassingBlob.patience)
            try await body(slow, work, next)
        }
    }

    @Test("A transfer that nobody reads on from lets its place go, and is gone on with where it was")
    func slowReaders() async throws {
        let upstream = FakeUpstream()
        try await withSlowReaders(of: upstream, connections: 6) { slow, _, next async throws in
            #expect(try await read(next(), from: 0) == layer.source.buffer)
            for blob in slow { #expect(try await read(blob, from: 0) == layer.source.buffer) }
            let starts = upstream.requests.compactMap { $0.split(separator: " ").last.flatMap { Int($0) } }
            #expect(starts.filter { $0 == 0 }.count == slow.count + 1)
            #expect(starts.contains { $0 > 0 })
        }
    }

    @Test("Who has begun waits for a place to go on in, and has it before whoever comes anew")
    func waitsToGoOn() async throws {
        let upstream = FakeUpstream()
        try await withSlowReaders(of: upstream, connections: 1) { slow, work, next async throws in
            var others = try slow.map { _ in try next() }
            try await upstream.wait { $0.requests.count == 2 * slow.count }
            let new = try next()
            async let whole = read(slow[0], from: 0)
            while work.waiterCount < 2 {
                // The suite's time limit is the bound.
                try Task.checkCancellation()
                await Task.yield()
            }
            others.removeLast()
            #expect(try await whole == layer.source.buffer)
            #expect(try await read(new, from: 0) == layer.source.buffer)
            let last = upstream.requests.suffix(2).map { $0.hasSuffix(" from 0") }
            #expect(last == [false, true])
        }
    }

    @Test("Where there are places for others a reader may be as slow as it likes")
    func slowAlone() async throws {
        let upstream = FakeUpstream()
        try upstream.load(image)
        let (work, clock) = (DetachedWork(), ManualClock())
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await work.run() }
            defer { group.cancelAll() }
            let blob = try #require(begin(from: upstream, work, clock: clock))
            _ = try await blob.read(at: 0, atMost: 1)
            for _ in 0..<3 {
                try await clock.waitForSleepers()
                clock.advance(by: PassingBlob.patience)
            }
            #expect(try await read(blob, from: 0) == layer.source.buffer)
            #expect(upstream.requests.count == 1)
        }
    }
}
