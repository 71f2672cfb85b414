package import Archive
package import OCI

/// What an export came to.
package struct ExportReport: Sendable {
    /// One archive that was written.
    package struct Archive: Sendable {
        /// `-` for standard output.
        package let path: String
        /// Its length.
        package let bytes: Int64
        /// It was there, whole, from an earlier run.
        package let wasThere: Bool
    }

    package let archives: [Archive]
    /// Sorted by reference.
    package let images: ImageList
    /// Blobs in the archives, each counted once; manifests included.
    package let blobs: Int
    /// Their bytes.
    package let bytes: Int64
    /// Blobs that receipts spared.
    package let omittedBlobs: Int
    /// Their bytes.
    package let omittedBytes: Int64
    /// Fetched from upstream because the cache lacked it, in bytes.
    package let downloadedBytes: Int64
    /// What names the set, where there is more than one archive.
    package let set: Digest?
}
