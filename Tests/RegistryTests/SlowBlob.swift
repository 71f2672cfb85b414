import NIOCore
import OCI
import Registry
import Synchronization
import TestSupport
import Testing

/// A blob of 64 MiB at a registry that brings a mebibyte of it in the first second of the client's time.
struct SlowBlob: Sendable {
    static let source = ByteSource.random(seed: 7, count: 64 << 20)
    private static let descriptor = source.descriptor

    /// Who has the blob's bytes.
    let registry: ScriptedRegistry
    /// Who leads there, where the client knows somebody else.
    let entrance: ScriptedRegistry?
    let repository: Repository
    /// Of the same host, with the same blob.
    let other: Repository
    let clock: ManualClock
    let valve = Valve(bytes: 1 << 20)
    let scratch: MemoryScratch

    static func with(
        maxConnections: Int? = nil,
        hasRoom: Bool = true,
        retry: RetryPolicy = RetryPolicy(),
        pauseClock: any Clock<Duration> = TestClock(),
        entrance: ScriptedRegistry? = nil,
        credentials: [String: String] = [:],
        _ body: (SlowBlob) async throws -> Void
    ) async throws {
        let clock = ManualClock()
        try await ScriptedRegistry.with { registry in
            entrance?.script(RequestMatch("GET", .blobs, times: nil), .redirect(toOrigin: registry.url))
            let known = entrance ?? registry
            for name in ["library/app", "library/other"] {
                registry.store.putBlob(.bytes(source), descriptor.digest, in: try RepositoryName(name))
            }
            let settings = [known.host: HostSettings(plainHTTP: true, maxConnections: maxConnections)]
            try await withClient(
                credentials: credentials,
                hosts: settings,
                retry: retry,
                clock: pauseClock,
                timeoutClock: clock
            ) { client in
                try await body(
                    SlowBlob(
                        registry: registry,
                        entrance: entrance,
                        repository: client.pull(known),
                        other: client.pull(known, "library/other"),
                        clock: clock,
                        scratch: MemoryScratch(hasRoom: hasRoom)
                    )
                )
            }
        }
    }

    /// What is asked of a part that ends before the blob does, or begins in its middle.
    static func isWindow(_ request: RecordedRequest) -> Bool {
        request.headers["range"].map { !$0.hasSuffix("-") } ?? false
    }

    static func isWindowOfOther(_ request: RecordedRequest) -> Bool {
        isWindow(request) && request.path.contains("/other/")
    }

    static func range(_ header: String) throws -> Range<Int> {
        let bounds = header.dropFirst("bytes=".count).split(separator: "-").compactMap { Int($0) }
        try #require(bounds.count == 2)
        return bounds[0]..<(bounds[1] + 1)
    }

    /// Reads it all: what is asked for without an end passes the valve, which opens after `meanwhile`.
    func read(
        isSlow: Bool = true,
        failsAt limit: Int64 = .max,
        _ meanwhile: @escaping @Sendable () async throws -> Void = {}
    ) async throws {
        registry.script(
            RequestMatch("GET", .blob(Self.descriptor.digest), where: { $0.headers["range"] == nil }),
            .trickle(valve)
        )
        let delivered = Watched<Int64>(0)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await follow(repository, delivered, failsAt: limit) }
            if isSlow { try await slowly(delivered, meanwhile) }
            try await group.waitForAll()
        }
        #expect(delivered.value == Self.source.count)
    }

    /// Reads it of the other repository, as slowly.
    func readOther() async throws {
        let delivered = Watched<Int64>(0)
        let valve = Valve(bytes: 1 << 20)
        registry.script(
            RequestMatch("GET", .blob(Self.descriptor.digest), where: { $0.headers["range"] == nil }),
            .trickle(valve)
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await follow(other, delivered) }
            try await delivered.wait { $0 >= 1 << 20 }
            clock.advance(by: .seconds(1))
            valve.open()
            try await group.waitForAll()
        }
        #expect(delivered.value == Self.source.count)
    }

    /// Lets a mebibyte a second through until more connections are wanted, then all.
    ///
    /// The clock may move while the receiver is at work still: such a second counts as its own and shows no rate, so the
    /// next one has to.
    private func slowly(_ delivered: Watched<Int64>, _ meanwhile: () async throws -> Void) async throws {
        try await delivered.wait { $0 == 1 << 20 }
        for second in Int64(1)...20 where scratch.requests == 0 {
            clock.advance(by: .seconds(1))
            valve.release(bytes: 1 << 20)
            try await delivered.wait { $0 == (second + 1) << 20 }
        }
        try await meanwhile()
        valve.open()
    }

    private func follow(
        _ repository: Repository,
        _ delivered: Watched<Int64>,
        failsAt limit: Int64 = .max
    ) async throws {
        try await repository.readBlob(Self.descriptor, from: 0, ahead: scratch) { piece in
            let offset = Int(delivered.value)
            let isRight = piece == Self.source.read(at: offset, count: piece.readableBytes)
            #expect(isRight, "other bytes at \(offset)")
            if offset >= limit { throw SampleReader.Broken() }
            delivered.update { $0 += Int64(piece.readableBytes) }
        }
    }
}

/// Scratch files in memory, which count themselves.
final class MemoryScratch: ScratchSpace {
    enum Fault { case none, writing, reading }
    struct Failure: Error {}

    let fault = Mutex(Fault.none)
    /// How many bytes have come.
    let written = Watched(0)
    private let hasRoom: Bool
    private let files = Mutex<[Weak]>([])
    private let asked = Mutex(0)

    private struct Weak { weak var file: File? }

    init(hasRoom: Bool) {
        self.hasRoom = hasRoom
    }

    /// How many are there still.
    var alive: Int { files.withLock { $0.count { $0.file != nil } } }

    /// How often one was asked for.
    var requests: Int { asked.withLock { $0 } }

    func file(size: Int64) -> (any ScratchFile)? {
        asked.withLock { $0 += 1 }
        guard hasRoom else { return nil }
        let file = File(fault.withLock { $0 }, written)
        files.withLock { $0.append(Weak(file: file)) }
        return file
    }

    final class File: ScratchFile {
        private let content = Mutex(ByteBuffer())
        private let fault: Fault
        private let written: Watched<Int>

        init(_ fault: Fault, _ written: Watched<Int>) {
            self.fault = fault
            self.written = written
        }

        func write(_ bytes: ByteBuffer, at offset: Int64) throws {
            if fault == .writing { throw Failure() }
            _ = content.withLock { $0.setBuffer(bytes, at: Int(offset)) }
            content.withLock { $0.moveWriterIndex(to: Int(offset) + bytes.readableBytes) }
            written.update { $0 += bytes.readableBytes }
        }

        func bytes(at offset: Int64, atMost count: Int) throws -> ByteBuffer {
            if fault == .reading { throw Failure() }
            return content.withLock { content in
                content.getSlice(at: Int(offset), length: min(count, content.writerIndex - Int(offset))) ?? ByteBuffer()
            }
        }
    }
}
