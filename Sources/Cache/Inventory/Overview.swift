package import OCI

/// What the cache holds, read without reading any content.
package struct CacheOverview: Sendable {
    /// One image, by whatever names.
    package struct Image: Sendable {
        /// Sorted by repository and name.
        package let references: [ImageReference]
        package let digest: Digest
        /// Bytes that removing it, with all of its names, would free.
        package let uniqueBytes: Int64
        /// Bytes that other images need too.
        package let sharedBytes: Int64
        /// When it was used last, in seconds since 1970.
        package let lastUse: Int64

        package init(
            references: [ImageReference],
            digest: Digest,
            uniqueBytes: Int64,
            sharedBytes: Int64,
            lastUse: Int64
        ) {
            self.references = references
            self.digest = digest
            self.uniqueBytes = uniqueBytes
            self.sharedBytes = sharedBytes
            self.lastUse = lastUse
        }
    }

    package let usage: CacheUsage
    /// Sorted by their first references.
    package let images: [Image]
    /// What may still be written to the cache's file system, in bytes; `nil` where that is not told.
    package let freeBytes: Int64?

    package init(usage: CacheUsage, images: [Image], freeBytes: Int64?) {
        self.usage = usage
        self.images = images
        self.freeBytes = freeBytes
    }
}

extension CacheOverview.Image {
    init(_ row: ImageRow) {
        self.init(
            references: row.references,
            digest: row.descriptor.digest,
            uniqueBytes: row.uniqueBytes,
            sharedBytes: row.sharedBytes,
            lastUse: row.lastUse
        )
    }
}
