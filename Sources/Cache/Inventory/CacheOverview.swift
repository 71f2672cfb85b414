import CLinux
package import OCI

/// What the cache holds, read at one moment and without reading any content.
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

/// One blob on its way into the cache.
package struct RunningDownload: Hashable, Sendable {
    package let digest: Digest
    /// Whose content it is; made safe when it is shown.
    package let place: String
    /// In bytes.
    package let size: Int64
    /// Bytes on the disk.
    package let arrived: Int64

    package init(digest: Digest, place: String, size: Int64, arrived: Int64) {
        self.digest = digest
        self.place = place
        self.size = size
        self.arrived = arrived
    }
}

extension ContentCache {
    /// Looks at the index and the files' names and sizes; a large cache takes seconds.
    ///
    /// - Throws: ``CacheError``.
    package func overview() async throws -> CacheOverview {
        try await blocking { [index, directory] in
            let free = clinux_free_bytes(directory.root.file.descriptor)
            return CacheOverview(
                try index.graph(files: directory.storedFiles()),
                usage: try index.usage(),
                freeBytes: free >= 0 ? free : nil
            )
        }
    }

    /// What this process downloads now, by source and digest.
    package var runningDownloads: [RunningDownload] {
        downloads.active.map { download in
            RunningDownload(
                digest: download.descriptor.digest,
                place: download.source.place,
                size: download.descriptor.size,
                arrived: download.state.view.arrived
            )
        }
        .sorted { ($0.place, $0.digest) < ($1.place, $1.digest) }
    }
}

extension CacheOverview {
    fileprivate init(_ graph: ReferenceGraph, usage: CacheUsage, freeBytes: Int64?) {
        let images = graph.images()
        var counts = [Int](repeating: 0, count: graph.nodes.count)
        for image in images {
            for node in image.closure { counts[node] += 1 }
        }
        self.usage = usage
        self.images = images.map { image in
            let unique = graph.bytes(of: image.closure.lazy.filter { counts[$0] == 1 })
            return Image(
                references: image.tags.map(\.reference),
                digest: graph.nodes[image.node].digest,
                uniqueBytes: unique,
                sharedBytes: graph.bytes(of: image.closure) - unique,
                lastUse: image.lastUse
            )
        }
        self.freeBytes = freeBytes
    }
}
