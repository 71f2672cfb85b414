import Cache
import FoundationEssentials
import NIOCore
import OCI
import TestSupport

/// Bytes that look random and are always the same.
func bytes(_ count: Int, seed: UInt64 = 1) -> ByteBuffer {
    ByteSource.random(seed: seed, count: count).buffer
}

func blob(_ bytes: ByteBuffer) -> Descriptor {
    Descriptor(mediaType: .octetStream, bytes: bytes)
}

extension CachedBlob {
    /// Reads it whole.
    func all() async throws -> ByteBuffer {
        var result = ByteBuffer()
        while true {
            var piece = try await read(at: Int64(result.readableBytes), atMost: 100_000)
            guard piece.readableBytes > 0 else { return result }
            result.writeBuffer(&piece)
        }
    }
}

func exists(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: path)
}
