import FoundationEssentials
import GRDB
package import OCI

/// A blob that is to be fetched again, and what is known of where it can be had.
package struct LostBlob: Sendable {
    /// Its size is what the manifests that refer to it say; its type decides whether it is asked for as a manifest.
    package let descriptor: Descriptor
    /// Where it came from, then the repositories whose tags need it; sorted, each once.
    package let origins: [RepositoryReference]
}

extension ContentCache {
    /// What is known of blobs that a verification found bad or missing.
    ///
    /// - Returns: nothing for those that nobody refers to and nobody remembers the size of.
    package func lost(_ digests: [Digest]) async throws -> [LostBlob] {
        try await blocking { [index] in try digests.compactMap { try index.lost($0) } }
    }

    /// The blobs that tags need and that are not there, as far as the index knows; restoring a manifest can reveal more.
    package func neededButAbsent() async throws -> [Digest] {
        try await blocking { [index] in try index.neededButAbsent() }
    }

    /// The tags whose images need a blob, sorted by repository and tag.
    package func tags(needing digest: Digest) async throws -> [ImageReference] {
        try await blocking { [index] in try index.tags(needing: digest) }
    }
}

extension CacheIndex {
    func lost(_ digest: Digest) throws(CacheError) -> LostBlob? {
        try read { db in
            // What manifests say comes first: a row made from a file that was cut short has its wrong size.
            let row = try Row.fetchOne(
                db,
                sql: """
                    SELECT media_type, size FROM edges WHERE child = ?1
                    UNION ALL
                    SELECT media_type, size FROM manifests JOIN blobs USING (digest) WHERE digest = ?1
                    UNION ALL
                    SELECT NULL, size FROM blobs WHERE digest = ?1
                    LIMIT 1
                    """,
                arguments: [digest.key]
            )
            guard let row else { return nil }
            let mediaType = try (row["media_type"] as String?).map { try MediaType($0) } ?? .octetStream
            guard let descriptor = Descriptor(mediaType: mediaType, digest: digest, size: row["size"]) else {
                return nil
            }
            return LostBlob(descriptor: descriptor, origins: try Self.origins(db, digest))
        }
    }

    private static func origins(_ db: Database, _ digest: Digest) throws -> [RepositoryReference] {
        try RepositoryReference.fetchAll(
            db,
            sql: """
                \(keepers)
                SELECT host, repository, min(place) AS place FROM (
                    SELECT host, repository, 0 AS place FROM blob_sources WHERE digest = ?1
                    UNION ALL
                    SELECT host, repository, 1 FROM keepers JOIN names USING (digest)
                    UNION ALL
                    SELECT host, repository, 2 FROM keepers JOIN blob_sources USING (digest)
                ) GROUP BY host, repository ORDER BY place, host, repository
                """,
            arguments: [digest.key]
        )
    }
}
