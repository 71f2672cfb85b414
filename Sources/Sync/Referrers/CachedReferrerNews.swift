import Cache
import OCI

/// Whether the cache holds referrers of an image that its target was not given, in runs that ask no source.
///
/// All that the cache holds is looked through: that costs no request. The target is asked about what it is not known to
/// have been given, as others may have brought it there. What the cache lacks takes nothing away.
struct CachedReferrerNews {
    let copy: ImageCopy
    let graph: ImageGraph
    let tags: ReferrerTags

    /// - Throws: `CacheError`; ``CopyError``; ``TargetCollision``; what the target throws; `CancellationError`.
    func isThere() async throws -> Bool {
        var isNew = false
        _ = try await ReferrerSearch(source: copy.source, cache: copy.cache, tags: tags)
            .forEachLevel(above: graph.subjects) { found in
                for found in found where !isNew { isNew = try await hasNews(found) }
            }
        return isNew
    }

    private func hasNews(_ found: FoundReferrers) async throws -> Bool {
        guard !found.referrers.isEmpty else { return false }
        if try await TargetReferrerList(copy: copy, subject: found.subject).isLost() { return true }
        let given = try await copy.cache.given.all(of: found.subject, to: copy.job.target)
        for referrer in found.referrers
        where try await !isThere(referrer, given.contains(referrer.manifest.descriptor.digest)) { return true }
        return false
    }

    private func isThere(_ referrer: Referrer, _ isGiven: Bool) async throws -> Bool {
        guard isGiven else {
            let reference = referrer.tag.map(Reference.tag) ?? .digest(referrer.manifest.descriptor.digest)
            guard case .known(let there?) = try await copy.target.asking({ try await $0.manifest(reference) })
            else { return false }
            return there.descriptor.digest == referrer.manifest.descriptor.digest
        }
        guard let tag = referrer.tag else { return true }
        try copy.known.referrerIndexes.take(tag, for: referrer.manifest.descriptor.digest, by: copy.job)
        return try await !copy.lacksAtTarget(tag)
    }
}
