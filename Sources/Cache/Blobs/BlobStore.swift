package import OCI

/// The only writer below `blobs/`, and the only answer to "is it here?".
///
/// The file is the truth; a row of the index is what is known of it.
package struct BlobStore: Sendable {
    let store: Store

    /// Whether a committed blob of that digest and size is there; looks at the file system alone.
    package func contains(_ descriptor: Descriptor) -> Bool {
        store.directory.hasBlob(descriptor)
    }
}
