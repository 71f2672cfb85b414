import Cache
import Glibc
import NIOCore
import OCI
import TestSupport

/// A process that tests can kill, trace and starve: downloads generated blobs and prints each one's digest when the
/// cache has acknowledged it.
@main
enum CacheProbe {
    static func main() async throws {
        let arguments = CommandLine.arguments.dropFirst()
        guard arguments.count == 3, let directory = arguments.first, let count = Int(arguments[2]),
            let size = Int(arguments[3])
        else {
            print("usage: CacheProbe DIRECTORY COUNT SIZE")
            exit(2)
        }
        do {
            try await ContentCache.with(CacheConfiguration(directory: directory)) { cache in
                try await download(count, size, into: cache)
            }
        } catch {
            print("error: \(error)")
            exit(1)
        }
    }

    private static func download(_ count: Int, _ size: Int, into cache: ContentCache) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for seed in 0..<count {
                group.addTask {
                    let source = GeneratedSource(bytes: .random(seed: UInt64(seed + 1), count: size))
                    let descriptor = Descriptor(mediaType: .octetStream, bytes: source.bytes.buffer)
                    try await cache.follow(descriptor, from: source).whenCommitted()
                    acknowledge(descriptor)
                }
            }
            try await group.waitForAll()
        }
    }

    /// At once and whole, because the process may be killed right afterwards.
    private static func acknowledge(_ descriptor: Descriptor) {
        let line = Array("\(descriptor.digest)\n".utf8)
        _ = Glibc.write(1, line, line.count)
    }
}

private struct GeneratedSource: ContentSource {
    let bytes: ByteSource
    let place = "registry.example.com/generated"

    struct NoManifests: Error {}

    func manifest(_ descriptor: Descriptor) async throws -> Manifest {
        throw NoManifests()
    }

    func readBlob(
        _ descriptor: Descriptor,
        from offset: Int64,
        deliver: (ByteBuffer) async throws -> Void
    ) async throws {
        var position = Int(offset)
        while position < bytes.count {
            let piece = bytes.read(at: position, count: min(64 << 10, bytes.count - position))
            try await deliver(piece)
            position += piece.readableBytes
            await Task.yield()
        }
    }
}
