import CacheSupport
import NIOCore
import OCI
import TestSupport
import Testing

@testable import Cache

/// What arrives of a blob ahead of its place.
@Suite(.timeLimit(.minutes(10)))
struct ScratchTests {
    @Test("A scratch file holds what is written anywhere in it, and has no name")
    func file() async throws {
        try await withCache { cache, path async throws in
            let file = try #require(Scratch(store: cache.store).file(size: 1 << 20))
            let content = bytes(1 << 20)
            try file.write(#require(content.getSlice(at: 500_000, length: (1 << 20) - 500_000)), at: 500_000)
            try file.write(#require(content.getSlice(at: 0, length: 500_000)), at: 0)
            #expect(try file.bytes(at: 0, atMost: 1 << 20) == content)
            #expect(try file.bytes(at: 1 << 20, atMost: 10).readableBytes == 0)
            #expect(try names("\(path)/ingest").isEmpty)
        }
    }

    @Test("What would take the disk below its floor gets no scratch file, nor does what it cannot hold")
    func room() async throws {
        try await TemporaryDirectory.with { path in
            var full = configuration(path)
            full.minimumFree = 1 << 60
            try await ContentCache.with(full) { cache async throws in
                #expect(Scratch(store: cache.store).file(size: 1 << 20) == nil)
            }
            try await ContentCache.with(configuration(path)) { cache async throws in
                #expect(Scratch(store: cache.store).file(size: 1 << 60) == nil)
                #expect(Scratch(store: cache.store).file(size: 1 << 20) != nil)
                #expect(try names("\(path)/ingest").isEmpty)
            }
        }
    }

    @Test("Readers, other processes and the next download see only what is contiguous")
    func contiguous() async throws {
        let content = bytes(6_000_000)
        let barrier = Barrier()
        let source = AheadSource(content, ahead: 2_500_000, barrier)
        try await TemporaryDirectory.with { path in
            try await ContentCache.with(configuration(path)) { cache in
                try await ContentCache.with(configuration(path, clock: ContinuousClock())) { other in
                    let reader = try await cache.follow(blob(content), from: source)
                    try await barrier.arrivals()
                    #expect(try names("\(path)/ingest") == ["sha256-\(blob(content).digest.hex)"])
                    let second = try await other.follow(blob(content), from: FakeSource([]))
                    var offset: Int64 = 0
                    while offset < 2_500_000 {
                        let piece = try await second.read(at: offset, atMost: 2_500_000 - Int(offset))
                        #expect(piece == content.getSlice(at: Int(offset), length: piece.readableBytes))
                        offset += Int64(piece.readableBytes)
                    }
                    #expect(reader.arrived == 2_500_000)
                    let partial = try contents(partial(blob(content).digest, in: path))
                    #expect(partial == content.getSlice(at: 0, length: 2_500_000))
                    barrier.open()
                    #expect(try await reader.all() == content)
                    #expect(try await second.all() == content)
                }
            }
        }
    }

    @Test("kill -9 with parts ahead leaves what is contiguous, and the next download goes on behind it")
    func kills() async throws {
        try await TemporaryDirectory.with { path in
            let size = 6_000_000
            let all = (1...4).map { bytes(size, seed: UInt64($0)) }
            let byName = Dictionary(uniqueKeysWithValues: all.map { ("sha256-\(Digest.of($0).hex)", $0) })
            for step in 1...12 {
                let killer = ["timeout", "-s", "KILL", "\(0.02 + Double(step) * 0.01)"]
                _ = try await Probe.run(path, count: 4, size: size, wrappedIn: killer)
                guard exists("\(path)/ingest") else { continue }
                for name in try names("\(path)/ingest") {
                    let partial = try contents("\(path)/ingest/\(name)")
                    // Between its creation and the loss of its name a scratch file is empty.
                    guard let whole = byName[name] else {
                        #expect(name.hasPrefix("anon-") && partial.readableBytes == 0, "\(name)")
                        continue
                    }
                    let isPrefix = partial == whole.getSlice(at: 0, length: partial.readableBytes)
                    #expect(isPrefix)
                }
            }
            let result = try await Probe.run(path, count: 4, size: size)
            #expect(result.status == 0, "\(result.output) \(result.errors)")
            #expect(try names("\(path)/blobs/sha256").count == 4)
            #expect(try names("\(path)/ingest").isEmpty)
        }
    }
}

/// A source whose second part arrives first.
private struct AheadSource: ContentSource {
    let content: ByteBuffer
    let ahead: Int
    let barrier: Barrier
    let place = "registry.example.com/app"
    var origin: RepositoryReference? { try? RepositoryReference(place) }

    init(_ content: ByteBuffer, ahead: Int, _ barrier: Barrier) {
        self.content = content
        self.ahead = ahead
        self.barrier = barrier
    }

    func manifest(_ descriptor: Descriptor) async throws -> Manifest { throw FakeSource.Failure() }

    func readBlob(
        _ descriptor: Descriptor,
        from offset: Int64,
        ahead scratch: (any ScratchSpace)?,
        deliver: (ByteBuffer) async throws -> Void
    ) async throws {
        let rest = content.readableBytes - ahead
        let file = try #require(scratch?.file(size: Int64(rest)))
        try file.write(#require(content.getSlice(at: ahead, length: rest)), at: 0)
        try await deliver(#require(content.getSlice(at: 0, length: ahead)))
        try await barrier.wait()
        try await deliver(file.bytes(at: 0, atMost: rest))
    }
}
