import NIOCore
import OCI

/// One upload session of a ``RegistryStore``.
struct Upload: Sendable {
    let repository: String
    private(set) var count = 0
    private var bytes: ByteBuffer?
    private var hasher = DigestHasher(.sha256)

    init(repository: String, keepsBytes: Bool) {
        self.repository = repository
        bytes = keepsBytes ? ByteBuffer() : nil
    }

    mutating func append(_ chunk: ByteBuffer) {
        count += chunk.readableBytes
        if bytes == nil {
            hasher.update(chunk)
        } else {
            bytes?.writeImmutableBuffer(chunk)
        }
    }

    /// Drops what came after an offset.
    mutating func truncate(to offset: Int) {
        guard let kept = bytes?.getSlice(at: 0, length: offset) else { return }
        bytes = kept
        count = offset
    }

    func digest(_ algorithm: Digest.Algorithm) -> Digest {
        bytes.map { Digest.of($0, algorithm: algorithm) } ?? hasher.finalize()
    }

    var content: BlobContent { bytes.map { .bytes(ByteSource($0)) } ?? .counted(count) }

    /// `Range` as the reference implementation writes it: `0-0` for nothing as well as for one byte.
    var range: String { "0-\(max(0, count - 1))" }
}
