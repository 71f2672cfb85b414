import CacheSupport
import Concurrency
import NIOCore
import OCI
import TestSupport
import Testing

@testable import Cache

/// What becomes of a download whose last reader leaves just as somebody else comes.
@Suite(.timeLimit(.minutes(2)))
struct DemandTests {
    @Test("Who joins a download that is being ended, as nobody wanted it, has the blob: it goes on where it stopped")
    func joinedAtItsEnd() async throws {
        // More of it is left than would be finished although nobody wants it.
        let content = bytes(12_000_000)
        let (barrier, gate) = (Barrier(), Gate())
        try await withCache { cache, _ in
            let source = FakeSource([content], [.stall(at: 1_000_000, barrier)])
            let lingering = LingeringSource(source: source, gate: gate)
            let demand = Demand(grace: .seconds(10), timer: Timer(ManualClock()))
            do {
                let reader = try await cache.follow(blob(content), from: lingering, while: demand)
                try await barrier.arrivals()
                #expect(try await reader.read(at: 0, atMost: 10) == content.getSlice(at: 0, length: 10))
            }
            try await gate.waitForArrivals()
            let other = try await cache.follow(blob(content), from: source)
            gate.open()
            try await other.whenCommitted()
            #expect(other.provenance == .joined)
            #expect(source.offsets == [0, 1_000_000])
        }
    }

    @Test("Who comes to wait while it is decided whether an unwanted download has a grace gets its place at once")
    func contendedMeanwhile() async throws {
        let place = Watched(Place())
        let demand = Demand(grace: .seconds(10), timer: Timer(ManualClock())) {
            let before = place.update { place in
                defer { place.isWaitedFor = place.demand != nil }
                return place
            }
            if !before.isWaitedFor { before.demand?.reconsider() }
            return before.isWaitedFor
        }
        demand.begin()
        demand.readerCame()
        demand.readerLeft()
        place.update { $0.demand = demand }
        let barrier = Barrier()
        await #expect(throws: Demand.Dropped.self) {
            try await demand.hold(isNearlyDone: { false }, barrier.wait)
        }
    }

    /// What a download has that somebody else comes to wait for when it is first looked at.
    private struct Place: Sendable {
        var demand: Demand?
        var isWaitedFor = false
    }
}

/// A source that is slow to end when it fails, or is cancelled.
private struct LingeringSource: ContentSource {
    let source: FakeSource
    let gate: Gate
    var place: String { source.place }
    var origin: RepositoryReference? { source.origin }

    func manifest(_ descriptor: Descriptor) async throws -> Manifest { try await source.manifest(descriptor) }

    func readBlob(
        _ descriptor: Descriptor,
        from offset: Int64,
        ahead scratch: (any ScratchSpace)?,
        deliver: (ByteBuffer) async throws -> Void
    ) async throws {
        do {
            try await source.readBlob(descriptor, from: offset, ahead: scratch, deliver: deliver)
        } catch {
            await withCheckedContinuation { continuation in gate.pass { continuation.resume() } }
            throw error
        }
    }
}
