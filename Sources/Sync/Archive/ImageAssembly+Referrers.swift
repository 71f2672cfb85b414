import Archive
import Cache
import OCI

extension ImageAssembly {
    /// Brings into the cache what refers to an image or to one of its manifests, and what refers to that.
    ///
    /// - Throws: as ``image(_:)``; safe to repeat.
    func fetchReferrers(of top: Descriptor, from source: any ImageSource) async throws {
        var level = try await ArchiveClosure(of: top, in: cache).manifests.map(\.digest)
        var seen = Set(level)
        let search = ReferrerSearch(source: source, cache: cache, tags: try await source.referrerTags())
        for _ in 0..<ReferrerCopy.maximumDepth where !level.isEmpty {
            let found = try await search.referrers(of: level)
            level = []
            for referrer in found.flatMap(\.referrers) where seen.insert(referrer.manifest.descriptor.digest).inserted {
                guard seen.count <= ReferrerCopy.maximumCount else { throw CopyError(.tooManyReferrers) }
                _ = try await complete(referrer.manifest, [], from: source)
                if let tag = referrer.tag {
                    try await cache.names.record(tag, of: location, as: referrer.manifest.descriptor)
                }
                level.append(referrer.manifest.descriptor.digest)
            }
            try await cache.noteReferrers(found, in: location)
        }
    }
}
