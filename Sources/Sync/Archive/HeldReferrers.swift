import Cache
import OCI

/// Finds what refers to images, as far as the cache holds all of it.
struct HeldReferrers {
    private static let suffixes = ["sig", "att", "sbom"]

    let cache: ContentCache

    /// Adds to some images what refers to them or to one of their manifests, and what refers to that.
    func adding(
        to images: [ArchiveDocument.Image]
    ) async throws -> (images: [ArchiveDocument.Image], referrers: [ArchiveDocument.Referrer]) {
        var result = images
        var referrers: [ArchiveDocument.Referrer] = []
        for (location, images) in Dictionary(grouping: images, by: \.reference.location).sorted(by: { $0.key < $1.key })
        {
            let tags = Dictionary(
                try await cache.tags(of: location).filter { $0.0.isReferrerTag }.map { ($0.0.description, $0) },
                uniquingKeysWith: { first, _ in first }
            )
            var seen: Set<Digest> = []
            var level = images.map(\.descriptor)
            for _ in 0...ReferrerCopy.maximumDepth where !level.isEmpty {
                var next: [Descriptor] = []
                for manifest in try await manifests(of: level) where seen.insert(manifest.digest).inserted {
                    for (tag, descriptor) in Self.tagged(manifest.digest, tags) where try await isWhole(descriptor) {
                        let reference = ImageReference(location: location, tag: tag)
                        result.append(.init(reference: reference, descriptor: descriptor))
                        next.append(descriptor)
                    }
                    for descriptor in try await cache.referrers(of: manifest.digest) where try await isWhole(descriptor)
                    {
                        referrers.append(.init(repository: location, descriptor: descriptor))
                        next.append(descriptor)
                    }
                }
                level = next
            }
        }
        return (Array(Set(result)), Array(Set(referrers)))
    }

    private func manifests(of tops: [Descriptor]) async throws -> [Descriptor] {
        var manifests: [Descriptor] = []
        for top in tops { manifests += try await cache.closure(of: top).manifests }
        return manifests
    }

    private func isWhole(_ descriptor: Descriptor) async throws -> Bool {
        do {
            return try await cache.closure(of: descriptor).missing.isEmpty
        } catch is DocumentError {
            return false
        }
    }

    private static func tagged(
        _ digest: Digest,
        _ tags: [String: (TagName, Descriptor)]
    ) -> [(TagName, Descriptor)] {
        suffixes.compactMap { tags["\(digest.algorithm.rawValue)-\(digest.hex).\($0)"] }
    }
}
