package import Cache
package import OCI

/// All that an image is made of, and what of it the cache lacks.
package struct ArchiveClosure: Sendable {
    /// How many levels of indexes are followed.
    static let maximumDepth = 8
    /// How many manifests and blobs one image may have in all.
    static let maximumCount = 10_000

    /// Each once, the image's own manifest first; what a missing manifest refers to is not known.
    package fileprivate(set) var descriptors: [Descriptor] = []
    package fileprivate(set) var missing: [Descriptor] = []
    /// The manifests among the descriptors that are here.
    package fileprivate(set) var manifests: [Descriptor] = []
}

extension ContentCache {
    /// Follows a manifest down to its blobs, in the cache alone.
    ///
    /// Manifests are read and hashed; blobs are only looked for.
    ///
    /// - Returns: the closure; what is missing is not an error.
    /// - Throws: ``CacheError`` when a file cannot be read; `DocumentError` for what is no manifest, or is beyond a bound.
    @concurrent
    package func closure(of top: Descriptor) async throws -> ArchiveClosure {
        var closure = ArchiveClosure()
        var seen: Set<Digest> = [top.digest]
        var level = [top]
        for _ in 0..<ArchiveClosure.maximumDepth where !level.isEmpty {
            var next: [Descriptor] = []
            for descriptor in level {
                closure.descriptors.append(descriptor)
                guard closure.descriptors.count <= ArchiveClosure.maximumCount else {
                    throw DocumentError(.tooLarge, "\(top.digest) has more than \(ArchiveClosure.maximumCount) parts")
                }
                let references = try visit(descriptor, &closure)
                next += references.filter { seen.insert($0.digest).inserted }
            }
            level = next
        }
        guard level.isEmpty else {
            throw DocumentError(.tooLarge, "the indexes of \(top.digest) are nested too deeply")
        }
        return closure
    }

    private func visit(_ descriptor: Descriptor, _ closure: inout ArchiveClosure) throws -> [Descriptor] {
        guard descriptor.mediaType.isManifest else {
            if try !contains(descriptor) { closure.missing.append(descriptor) }
            return []
        }
        guard let manifest = try manifest(descriptor) else {
            closure.missing.append(descriptor)
            return []
        }
        closure.manifests.append(descriptor)
        return manifest.references
    }
}
