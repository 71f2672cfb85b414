import Archive
import Cache
import OCI

/// Finds what refers to images, as far as the cache holds all of it.
struct HeldReferrers {
    private static let suffixes = ["sig", "att", "sbom"]

    let cache: ContentCache

    /// Images with what refers to them.
    struct Found {
        fileprivate(set) var images: ImageList
        fileprivate(set) var referrers: Set<ArchiveDocument.Referrer> = []
        /// Of these the cache lacks something.
        fileprivate(set) var incomplete: Set<Digest> = []
        /// Images that are named after what they belong to.
        fileprivate var tagged: Set<ArchiveDocument.Image> = []

        fileprivate init(images: ImageList) {
            self.images = images
        }
    }

    /// Adds to some images what refers to them or to one of their manifests, and what refers to that.
    ///
    /// - Parameter images: each once.
    /// - Returns: these images and what was found.
    /// - Throws: `CacheError`, `DocumentError`.
    func adding(to images: ImageList) async throws -> Found {
        let images = images.sorted()
        var found = Found(images: images)
        var position = 0
        while position < images.count {
            // In their order the names of a repository are neighbours.
            let location = images[position].reference.location
            var tops: Set<Descriptor> = []
            while position < images.count, case let image = images[position], image.reference.location == location {
                tops.insert(image.descriptor)
                position += 1
            }
            try await add(tops, in: location, to: &found)
        }
        if !found.tagged.isEmpty { for image in images { found.tagged.remove(image) } }
        for image in found.tagged { found.images.append(image.reference, image.descriptor) }
        return found
    }

    private func add(_ tops: Set<Descriptor>, in location: RepositoryReference, to found: inout Found) async throws {
        let tags = Dictionary(
            try await cache.names.tags(of: location).filter { $0.0.isReferrerTag }.map { ($0.0.description, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        var seen: Set<Digest> = []
        var level = Array(tops)
        for _ in 0...ReferrerCopy.maximumDepth where !level.isEmpty {
            var next: [Descriptor] = []
            for manifest in try await manifests(of: level) where seen.insert(manifest.digest).inserted {
                for (tag, descriptor) in Self.tagged(manifest.digest, tags)
                where try await isWhole(descriptor, &found) {
                    let reference = ImageReference(location: location, tag: tag)
                    found.tagged.insert(.init(reference: reference, descriptor: descriptor))
                    next.append(descriptor)
                }
                for descriptor in try await cache.names.referrers(of: manifest.digest, in: location)
                where try await isWhole(descriptor, &found) {
                    found.referrers.insert(.init(repository: location, descriptor: descriptor))
                    next.append(descriptor)
                }
            }
            level = next
        }
    }

    private func manifests(of tops: [Descriptor]) async throws -> [Descriptor] {
        var manifests: [Descriptor] = []
        for top in tops { manifests += try await ArchiveClosure(of: top, in: cache).manifests }
        return manifests
    }

    private func isWhole(_ descriptor: Descriptor, _ found: inout Found) async throws -> Bool {
        do {
            if try await ArchiveClosure(of: descriptor, in: cache).missing.isEmpty { return true }
        } catch is DocumentError {
            // Nothing that could be followed.
        }
        found.incomplete.insert(descriptor.digest)
        return false
    }

    private static func tagged(
        _ digest: Digest,
        _ tags: [String: (TagName, Descriptor)]
    ) -> [(TagName, Descriptor)] {
        suffixes.compactMap { tags["\(digest.algorithm.rawValue)-\(digest.hex).\($0)"] }
    }
}
