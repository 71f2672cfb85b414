package import OCI

/// A blob of a ``RegistryStore``.
package enum BlobContent: Sendable {
    /// Bytes at hand, or made as they are asked for.
    case bytes(ByteSource)
    /// Bytes that were hashed and dropped.
    case counted(Int)

    package var count: Int {
        switch self {
        case .bytes(let source): source.count
        case .counted(let count): count
        }
    }
}

/// A manifest as a registry keeps it.
package struct StoredManifest: Sendable {
    package let mediaType: MediaType
    package let bytes: ByteSource
}
