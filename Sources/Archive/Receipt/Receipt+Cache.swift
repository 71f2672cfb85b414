package import Cache
package import OCI

extension Receipt {
    /// What a cache holds for good: all that its tags and awaited volumes keep, as far as the files are there.
    ///
    /// Reads no content. What only a grace protects from the next collection is left out.
    ///
    /// - Throws: ``CacheError``.
    @concurrent
    package init(of cache: ContentCache) async throws {
        let blobs = try await cache.inventory.keptBlobs(into: BlobList()) { list, digest, size in
            list.append(ArchiveDocument.Blob(digest: digest, size: size))
        }
        let images = try await cache.inventory.keptTags(into: Images()) { $0.append($1, $2) }
        try self.init(blobs: blobs, images: images)
    }

    /// Checks that its text can be read back.
    ///
    /// - Throws: `DocumentError` (`tooLarge`).
    package func check(limit: Int = maximumSize) throws(DocumentError) {
        guard byteCount <= limit else {
            throw DocumentError(
                .tooLarge,
                "the cache holds too much for a receipt of at most \(limit) bytes: export without --since"
            )
        }
    }
}
