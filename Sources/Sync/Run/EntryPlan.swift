import OCI

/// What is to be done with the tags of one entry.
struct EntryPlan: Sendable {
    /// What is known before anything is fetched.
    enum Decision: Hashable, Sendable {
        /// The target lacks the tag. `repositoryIsEmpty` spares every look-up there.
        case copy(repositoryIsEmpty: Bool)
        /// The target has the tag, and nobody asked whether it still is the same image.
        case upToDate
        /// The target has the tag; the digests decide.
        case compare
    }

    /// One tag of the entry.
    struct Tag: Sendable {
        let source: TagName
        let target: TagName
        let decision: Decision
        /// The source's digest where the listing told it.
        let listedDigest: Digest?
        /// The digests of its platforms' images where the listing told them.
        var listedImages: Set<Digest> = []
    }

    /// Newest first.
    let tags: [Tag]
    let warnings: [String]
    /// The source's tags under which referrers are kept; `nil` when the source was not listed or nobody wants them.
    var referrerTags: Set<TagName>?
}
