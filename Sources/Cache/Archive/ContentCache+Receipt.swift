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
        let (graph, files, tags) = try await blocking { [index, directory] in
            let files = try directory.storedFiles()
            return (try index.graph(files: files), files, try index.read { try $0.names.tags() })
        }
        let sizes = Dictionary(files.map { ($0.digest, $0.size) }) { first, _ in first }
        let kept = graph.closure(of: graph.awaited.union(graph.tags.map(\.node)))
        return try Receipt(
            blobs: kept.compactMap { node in
                let digest = graph.nodes[node].digest
                guard graph.nodes[node].isOnDisk, let size = sizes[digest] else { return nil }
                return ArchiveDocument.Blob(digest: digest, size: size)
            },
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
