import Cache
import NIOCore
import OCI

/// The list of what refers to one manifest, as programs look for it in an image layout that has no referrers API: an index
/// under the tag of the distribution specification's "Referrers Tag Schema".
///
/// It is made for the archive alone, and is no image of it: an import takes referrers from `imglife.json`.
struct ReferrerList: Sendable {
    let repository: RepositoryReference
    let tag: TagName
    let descriptor: Descriptor
    let text: ByteBuffer
    let key: Digest

    /// Of its entry in `index.json`.
    var name: String { "\(repository):\(tag)" }

    var blob: ArchiveDocument.Blob { .init(digest: descriptor.digest, size: descriptor.size) }

    /// The lists for some referrers, one a repository and subject; the same for the same referrers.
    ///
    /// - Throws: ``CacheError``, `DocumentError`.
    static func lists(of referrers: [ArchiveDocument.Referrer], in cache: ContentCache) throws -> [ReferrerList] {
        // Not the manifests themselves, of which there may be hundreds of thousands: each list's are read again.
        var entries: [RepositoryReference: [Digest: [Digest: Descriptor]]] = [:]
        for referrer in referrers {
            guard let subject = try cache.manifest(referrer.descriptor)?.subject else { continue }
            entries[referrer.repository, default: [:]][subject.digest, default: [:]][referrer.descriptor.digest] =
                referrer.descriptor
        }
        return try entries.sorted { $0.key < $1.key }.flatMap { repository, subjects in
            try subjects.sorted { $0.key < $1.key }.map { subject, entries in
                let text = try ReferrersIndex.text(of: entries.values.compactMap(cache.manifest))
                return ReferrerList(
                    repository: repository,
                    tag: try subject.referrersTag,
                    descriptor: Descriptor(mediaType: .ociIndex, bytes: text),
                    text: text,
                    key: ReferrersIndex.key(of: entries.keys.sorted())
                )
            }
        }
    }
}
