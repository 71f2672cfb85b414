import Concurrency
import OCI
import Registry

extension ImageCopy {
    /// The source's tags under which referrers are kept: from the entry's listing, else from one listing of our own,
    /// which serves all tags of the repository in this run.
    func referrerTags() async throws -> Set<TagName> {
        if let tags = job.referrerTags { return tags }
        let list = { () async throws -> Set<TagName> in
            switch try await source.tags() {
            case .missing: return []
            case .found(let tags): return Set(tags.filter(\.isReferrerTag))
            }
        }
        return try await known.referrerTags.value(for: job.source, isGood: { _ in true }, fetch: list)
    }
}
