import OCI

/// A regular file under `blobs/` that is named by a digest.
struct StoredFile: Sendable {
    let digest: Digest
    let size: Int64
    /// Seconds since 1970.
    let modifiedAt: Int64
}
