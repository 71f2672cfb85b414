import GRDB
package import OCI

/// How much the cache holds.
package struct CacheUsage: Hashable, Sendable {
    /// Blobs on the disk.
    package var blobs = 0
    /// Their bytes.
    package var bytes: Int64 = 0
    /// Tags that name an image.
    package var tags = 0
    /// Bytes that the images of all tags would take if none shared anything.
    package var logicalBytes: Int64 = 0
    /// Bytes that nothing refers to; a collection frees them once they are older than its grace.
    package var unreferencedBytes: Int64 = 0

    package init() {}

    /// Bytes that sharing saves.
    package var savedBytes: Int64 { logicalBytes - (bytes - unreferencedBytes) }
}

/// One image of the cache, by whatever tags.
package struct CachedImage: Sendable {
    /// Sorted by repository and tag.
    package let references: [ImageReference]
    package let descriptor: Descriptor
    /// What it can run on, as far as the manifests that are here say; empty for artifacts.
    package let platforms: [Platform]
    /// Bytes that removing it, with all of its tags, would free.
    package let uniqueBytes: Int64
    /// Bytes that other images need too.
    package let sharedBytes: Int64
    /// When it was used last, in seconds since 1970.
    package let lastUse: Int64
}

extension CacheIndex {
    func usage() throws(CacheError) -> CacheUsage {
        try read { db in
            var usage = CacheUsage()
            if let row = try Row.fetchOne(db, sql: "SELECT blobs, bytes FROM totals") {
                usage.blobs = row["blobs"]
                usage.bytes = row["bytes"]
            }
            if let row = try Row.fetchOne(db, sql: "SELECT count(*) AS tags, total(bytes) AS bytes FROM tags") {
                usage.tags = row["tags"]
                let logicalBytes: Double = row["bytes"]
                usage.logicalBytes = Int64(logicalBytes)
            }
            var ledger = KeeperLedger(db, .tags)
            try ledger.removeGarbage { usage.unreferencedBytes += $0.size }
            return usage
        }
    }
}

extension ContentCache {
    /// Counts what the index knows of; looks at no file, and at no more rows than there are tags and unneeded blobs.
    ///
    /// - Throws: ``CacheError``.
    package func usage() async throws -> CacheUsage {
        try await blocking { [index] in try index.usage() }
    }

    /// The images that tags name, sorted by their first references; reads manifests and configs.
    ///
    /// - Throws: ``CacheError``.
    package func images() async throws -> [CachedImage] {
        let graph = try await currentGraph()
        let images = graph.images()
        var counts = [Int](repeating: 0, count: graph.nodes.count)
        for image in images {
            for node in image.closure { counts[node] += 1 }
        }
        let descriptors = try await index.read { try $0.names.descriptors() }
            .reduce(into: [:]) { $0[$1.digest] = $1 }
        var result: [CachedImage] = []
        for image in images {
            // A tag that was changed since is told of by the next call.
            guard let descriptor = descriptors[graph.nodes[image.node].digest] else { continue }
            let all = graph.bytes(of: image.closure)
            let unique = graph.bytes(of: image.closure.filter { counts[$0] == 1 })
            result.append(
                CachedImage(
                    references: image.tags.map(\.reference),
                    descriptor: descriptor,
                    platforms: try await blocking { [self] in try details(of: descriptor).platforms },
                    uniqueBytes: unique,
                    sharedBytes: all - unique,
                    lastUse: image.lastUse
                )
            )
        }
        return result
    }

    private func currentGraph() async throws -> ReferenceGraph {
        try await blocking { [index, directory] in try index.graph(files: directory.storedFiles()) }
    }
}
