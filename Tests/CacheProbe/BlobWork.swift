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

    struct NotThere: Error {}

    func manifest(_ descriptor: Descriptor) async throws -> Manifest {
        throw NotThere()
    }

    func readBlob(
        _ descriptor: Descriptor,
        from offset: Int64,
        deliver: (ByteBuffer) async throws -> Void
    ) async throws {
        guard let bytes = contents[descriptor.digest] else { throw NotThere() }
        var position = Int(offset)
        while position < bytes.count {
            let piece = bytes.read(at: position, count: min(64 << 10, bytes.count - position))
            try await deliver(piece)
            position += piece.readableBytes
            await Task.yield()
        }
    }
}
