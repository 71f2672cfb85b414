import Cache
import NIOCore
import OCI
import TestSupport

enum BlobWork {
    static func download(_ count: Int, _ size: Int, into cache: ContentCache) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for seed in 0..<count {
                group.addTask {
                    let bytes = ByteSource.random(seed: UInt64(seed + 1), count: size)
                    let descriptor = Descriptor(mediaType: .octetStream, bytes: bytes.buffer)
                    let source = GeneratedSource(contents: [descriptor.digest: bytes])
                    try await cache.follow(descriptor, from: source).whenCommitted()
                    CacheProbe.say("\(descriptor.digest)")
                }
            }
            try await group.waitForAll()
        }
    }
}

/// A source in memory.
struct GeneratedSource: ContentSource {
    let contents: [Digest: ByteSource]
    let place = "registry.example.com/generated"
    var origin: RepositoryReference? { try? RepositoryReference(place) }

    private static let partSize = 1 << 20

    struct NotThere: Error {}

    func manifest(_ descriptor: Descriptor) async throws -> Manifest {
        throw NotThere()
    }

    /// A part of what comes next is there first, as over several connections.
    func readBlob(
        _ descriptor: Descriptor,
        from offset: Int64,
        ahead scratch: (any ScratchSpace)?,
        deliver: (ByteBuffer) async throws -> Void
    ) async throws {
        guard let bytes = contents[descriptor.digest] else { throw NotThere() }
        var position = Int(offset)
        while position < bytes.count {
            let next = position + Self.partSize
            let ahead = bytes.read(at: next, count: Self.partSize)
            let file = ahead.readableBytes > 0 ? scratch?.file(size: Int64(ahead.readableBytes)) : nil
            try file?.write(ahead, at: 0)
            try await pass(bytes.read(at: position, count: Self.partSize), deliver)
            position = next
            guard let file else { continue }
            try await pass(file.bytes(at: 0, atMost: Self.partSize), deliver)
            position += ahead.readableBytes
        }
    }

    private func pass(_ bytes: ByteBuffer, _ deliver: (ByteBuffer) async throws -> Void) async throws {
        var bytes = bytes
        while let piece = bytes.readSlice(length: min(64 << 10, bytes.readableBytes)), piece.readableBytes > 0 {
            try await deliver(piece)
            await Task.yield()
        }
    }
}
