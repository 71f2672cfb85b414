package import NIOCore

/// What is known of some content before it is fetched: its type, digest and size.
///
/// OCI image-spec 1.1.1, "Content descriptors". `urls` and `data` are not part of it: the first is never followed
/// (CVE-2020-15157), the second never trusted.
package struct Descriptor: Hashable, Sendable {
    package let mediaType: MediaType
    package let digest: Digest
    /// In bytes; never negative.
    package let size: Int64

    /// - Returns: `nil` when the size is negative.
    package init?(mediaType: MediaType, digest: Digest, size: Int64) {
        guard size >= 0 else { return nil }
        self.mediaType = mediaType
        self.digest = digest
        self.size = size
    }

    /// Describes bytes at hand.
    package init(mediaType: MediaType, bytes: ByteBuffer, algorithm: Digest.Algorithm = .sha256) {
        self.init(mediaType: mediaType, digest: .of(bytes, algorithm: algorithm), byteCount: bytes.readableBytes)
    }

    init(mediaType: MediaType, digest: Digest, byteCount: Int) {
        self.mediaType = mediaType
        self.digest = digest
        self.size = Int64(byteCount)
    }
}
