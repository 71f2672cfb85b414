import Concurrency
import NIOCore
import OCI
import TestSupport
import Testing

@testable import Serve

@Suite(.timeLimit(.minutes(10)))
struct PassingBlobTests {
    private static let size = 3 << 20
    private let image = SampleImage.image(layers: [.init(seed: 5, size: size)])
    private var layer: SampleImage.Part { image.blobs[1] }

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
            try await body(try #require(PassingBlob(layer.descriptor, from: upstream, work, Timer(ContinuousClock()))))
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

    @Test("A transfer whose client has left ends, so that there is room for others")
    func room() async throws {
        let upstream = FakeUpstream()
        try upstream.load(image)
        let work = DetachedWork()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await work.run() }
            defer { group.cancelAll() }
            for _ in 0..<DetachedWork.limit {
                _ = PassingBlob(layer.descriptor, from: upstream, work, Timer(ContinuousClock()))
            }
            var blob: PassingBlob?
            while blob == nil {
                // The suite's time limit is the bound.
                try Task.checkCancellation()
                await Task.yield()
                blob = PassingBlob(layer.descriptor, from: upstream, work, Timer(ContinuousClock()))
            }
        }
    }

    @Test("A transfer that nobody reads on from lets its place go, and is gone on with where it was")
    func slowReader() async throws {
        let upstream = FakeUpstream()
        try upstream.load(image)
        let (work, clock, host) = (DetachedWork(), ManualClock(), PullThroughFixture.host)
        let begin = { PassingBlob(layer.descriptor, from: upstream, work, Timer(clock), of: host) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await work.run() }
            defer { group.cancelAll() }
            let slow = try (0..<DetachedWork.share).map { _ in try #require(begin()) }
            for blob in slow { _ = try await blob.read(at: 0, atMost: 1) }
            #expect(begin() == nil)
            try await clock.waitForSleepers(slow.count)
            clock.advance(by: PassingBlob.patience)
            var other: PassingBlob?
            while other == nil {
                // The suite's time limit is the bound.
                try Task.checkCancellation()
                await Task.yield()
                other = begin()
            }
            #expect(try await read(try #require(other), from: 0) == layer.source.buffer)
            #expect(try await read(slow[0], from: 0) == layer.source.buffer)
            let starts = upstream.requests.compactMap { $0.split(separator: " ").last.flatMap { Int($0) } }
            #expect(starts.filter { $0 == 0 }.count == slow.count + 1)
            #expect(starts.contains { $0 > 0 })
        }
    }
}
