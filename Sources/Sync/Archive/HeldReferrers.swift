import Archive
import Cache
import OCI

/// Finds what refers to images, as far as the cache holds all of it.
struct HeldReferrers {
    private static let suffixes = ["sig", "att", "sbom"]

    let cache: ContentCache

    /// What refers to some images.
    struct Found {
        fileprivate(set) var referrers: Set<ArchiveDocument.Referrer> = []
        /// Those that a tag leads to which is named after what they belong to; none of the images themselves.
        fileprivate(set) var attachments: Set<ArchiveDocument.Image> = []
        /// Of these the cache lacks something.
        fileprivate(set) var incomplete: Set<Digest> = []
        /// The tags by which all of this was found, and those of lists that name nothing else.
        fileprivate var tags: Set<ImageReference> = []

        /// Each by its tag or its digest, in order.
        var texts: [String] {
            let digests = Set(referrers.map(\.descriptor.digest)).union(incomplete)
            return attachments.map { "\($0.reference)" }.sorted() + digests.sorted().map(\.description)
        }

        /// Whether a tag is that of something found here, or left out because it is not whole.
        func claims(_ reference: ImageReference) -> Bool { tags.contains(reference) }
    }

    /// Finds what refers to some images or to one of their manifests, and what refers to that.
    ///
    /// - Parameter images: each once.
    /// - Returns: all of it, each once.
    /// - Throws: `CacheError`, `DocumentError`.
    func found(of images: ImageList) async throws -> Found {
        let images = images.sorted()
        var found = Found()
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
        if !found.attachments.isEmpty { for image in images { found.attachments.remove(image) } }
        return found
    }

    private func add(_ tops: Set<Descriptor>, in location: RepositoryReference, to found: inout Found) async throws {
        let tags = Dictionary(
            try await cache.names.tags(of: location).filter { $0.0.isReferrerTag }.map { ($0.0.description, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        var seen: Set<Digest> = []
        var level = Array(tops)
        for _ in 0...ReferrerSearch.maximumDepth where !level.isEmpty {
            var next: [Descriptor] = []
            for manifest in try await manifests(of: level) where seen.insert(manifest.digest).inserted {
                next += try await referrers(of: manifest, in: location, tags, &found)
            }
            level = next
        }
    }

    private func referrers(
        of manifest: Descriptor,
        in location: RepositoryReference,
        _ tags: [String: (TagName, Descriptor)],
        _ found: inout Found
    ) async throws -> [Descriptor] {
        var all: [Descriptor] = []
        var whole: [Descriptor] = []
        for (tag, descriptor) in Self.tagged(manifest.digest, tags) {
            let reference = ImageReference(location: location, tag: tag)
            all.append(descriptor)
            found.tags.insert(reference)
            guard try await isWhole(descriptor, &found) else { continue }
            found.attachments.insert(.init(reference: reference, descriptor: descriptor))
            whole.append(descriptor)
        }
        for descriptor in try await cache.referrers.here(of: manifest.digest, in: location) {
            all.append(descriptor)
            guard try await isWhole(descriptor, &found) else { continue }
            found.referrers.insert(.init(repository: location, descriptor: descriptor))
            whole.append(descriptor)
        }
        found.incomplete.formUnion(try await cache.referrers.lost(of: manifest.digest, in: location))
        if let (tag, list) = tags["\(try manifest.digest.referrersTag)"], list.digest != manifest.digest,
            isList(list, of: Set(all.map(\.digest)))
        {
            found.tags.insert(ImageReference(location: location, tag: tag))
        }
        return whole
    }

    /// Whether something under the tag of a list lists nothing but these, so that it can be made again.
    private func isList(_ descriptor: Descriptor, of referrers: Set<Digest>) -> Bool {
        guard descriptor.mediaType.isIndex, let manifest = try? cache.manifest(descriptor),
            case .index(let index) = manifest.content
        else { return false }
        return index.entries.allSatisfy { referrers.contains($0.descriptor.digest) }
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
