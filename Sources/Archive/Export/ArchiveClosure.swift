package import Cache
package import OCI

/// All that an image is made of, and what of it the cache lacks.
package struct ArchiveClosure: Sendable {
    /// How many levels of manifests are followed, as many as an import and a sync follow; their blobs are no level.
    static let maximumDepth = 8
    /// How many manifests and blobs one image may have in all.
    static let maximumCount = 10_000

    /// Each once, the image's own manifest first; what a missing manifest refers to is not known.
    package private(set) var descriptors: [Descriptor] = []
    package private(set) var missing: [Descriptor] = []
    /// The manifests among the descriptors that are here.
    package private(set) var manifests: [Descriptor] = []

    /// Follows a manifest down to its blobs, in the cache alone.
    ///
    /// Manifests are read and hashed; blobs are only looked for. What is missing is not an error.
    ///
    /// - Throws: ``CacheError`` when a file cannot be read; `DocumentError` for what is no manifest, or is beyond a bound.
    @concurrent
    package init(of top: Descriptor, in cache: ContentCache) async throws {
        var seen: Set<Digest> = [top.digest]
        var level = [top]
        var depth = 0
        while !level.isEmpty {
            guard depth < Self.maximumDepth || !level.contains(where: \.mediaType.isManifest) else {
                throw DocumentError(.tooLarge, "the indexes of \(top.digest) are nested too deeply")
            }
            depth += 1
            var next: [Descriptor] = []
            for descriptor in level {
                descriptors.append(descriptor)
                guard descriptors.count <= Self.maximumCount else {
                    throw DocumentError(.tooLarge, "\(top.digest) has more than \(Self.maximumCount) parts")
                }
                let references = try visit(descriptor, in: cache)
                next += references.filter { seen.insert($0.digest).inserted }
            }
            level = next
        }
    }

    private mutating func visit(_ descriptor: Descriptor, in cache: ContentCache) throws -> [Descriptor] {
        guard descriptor.mediaType.isManifest else {
            if try !cache.contains(descriptor) { missing.append(descriptor) }
            return []
        }
        guard let manifest = try cache.manifest(descriptor) else {
            missing.append(descriptor)
            return []
        }
        manifests.append(descriptor)
        return manifest.references
    }
}
