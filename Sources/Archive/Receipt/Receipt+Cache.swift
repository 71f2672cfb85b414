package import Cache
import NIOCore
package import OCI

extension Receipt {
    /// What a cache holds for good: all that its tags and awaited volumes keep, as far as the files are there.
    ///
    /// Reads no content. What only a grace protects from the next collection is left out.
    ///
    /// - Throws: ``CacheError``.
    @concurrent
    package init(of cache: ContentCache) async throws {
        try self.init(
            blobs: await cache.inventory.keptBlobs().map { ArchiveDocument.Blob(digest: $0.digest, size: $0.size) },
            images: await cache.inventory.keptTags().map { Image(reference: $0.reference, digest: $0.digest) }
        )
    }

    /// Its text, for a file.
    ///
    /// - Throws: `DocumentError` (`tooLarge`) for what could not be read back.
    package func text(limit: Int = maximumSize) throws(DocumentError) -> [UInt8] {
        let text = encoded
        guard text.readableBytes <= limit else {
            throw DocumentError(
                .tooLarge,
                "the cache holds too much for a receipt of at most \(limit) bytes: export without --since"
            )
        }
        return Array(text.readableBytesView)
    }
}
