import Archive
import Cache
import OCI

/// Whether the cache holds referrers of an image that its target was not given, in runs that ask no source.
///
/// All that the cache holds whole is looked through: that costs no request. What the target is not known to have been given
/// is news, once: it may be there and listed nowhere. What the cache lacks takes nothing away.
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
        let top = referrer.manifest.descriptor
        guard try await ArchiveClosure(of: top, in: copy.cache).missing.isEmpty else { return true }
        guard isGiven else {
            // Where nothing can be noted it would be news in every run.
            guard copy.cache.isReadOnly else { return false }
            let reference = referrer.tag.map(Reference.tag) ?? .digest(top.digest)
            guard case .known(let there?) = try await copy.target.asking({ try await $0.manifest(reference) })
            else { return false }
            return there.descriptor.digest == top.digest
        }
        guard let tag = referrer.tag else { return true }
        try copy.known.referrerIndexes.take(tag, for: top.digest, by: copy.job)
        return try await !copy.lacksAtTarget(tag)
    }
}
