import FoundationEssentials
import GRDB
package import OCI

extension CacheIndex {
    /// The manifests that name a digest as their subject, sorted by digest.
    func referrers(of subject: Digest) throws(CacheError) -> [Descriptor] {
        try read { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT manifests.digest, manifests.media_type, blobs.size
                    FROM edges JOIN manifests ON manifests.digest = edges.parent JOIN blobs USING (digest)
                    WHERE edges.child = ? AND edges.kind = 'subject' AND blobs.state = 'ok'
                    ORDER BY manifests.digest
                    """,
                arguments: [subject.key]
            )
            return try rows.compactMap { row in
                guard let digest = Digest(key: row["digest"]) else { return nil }
                let mediaType = try MediaType(row["media_type"] as String)
                return Descriptor(mediaType: mediaType, digest: digest, size: row["size"])
            }
        }
    }
}

extension ContentCache {
    /// The manifests of the cache that name a digest as their subject, sorted by digest.
    ///
    /// Whatever repository they came from; those whose files are gone are left out.
    ///
    /// - Throws: ``CacheError``.
    package func referrers(of subject: Digest) async throws -> [Descriptor] {
        try await blocking { [self] in try index.referrers(of: subject).filter(contains) }
    }
}
