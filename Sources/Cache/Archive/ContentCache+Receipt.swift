import NIOCore
import OCI

extension ContentCache {
    /// What the cache holds for good: all that its tags and awaited volumes keep, as far as the files are there.
    ///
    /// Reads no content. What only a grace protects from the next collection is left out.
    ///
    /// - Throws: ``CacheError``.
    @concurrent
    package func receipt() async throws -> Receipt {
        let tags = try await index.read { try $0.names.tags() }
        return try Receipt(
            blobs: await inventory.keptBlobs().map { ArchiveDocument.Blob(digest: $0.digest, size: $0.size) },
            images: tags.map { row in
                Receipt.Image(
                    reference: ImageReference(location: row.location, tag: row.tag),
                    digest: row.descriptor.digest
                )
            }
        )
    }
}

extension Receipt {
    /// Its text, for a file.
    package var bytes: [UInt8] { Array(encoded.readableBytesView) }
}
