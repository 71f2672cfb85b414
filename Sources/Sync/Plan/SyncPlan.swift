import OCI

/// What is to be done with every tag of a run's entries: made once, by ``Planner``, and read by all who want to know.
package struct SyncPlan: Sendable {
    /// What became of planning one entry.
    enum Outcome: Sendable {
        case planned(EntryPlan)
        /// Its tags are not known.
        case failed(entry: Int, any Error)

        var entry: Int {
            switch self {
            case .planned(let plan): plan.entry
            case .failed(let entry, _): entry
            }
        }
    }

    /// In the configuration's order.
    let outcomes: [Outcome]
}

/// What is to be done with the tags of one entry.
struct EntryPlan: Sendable {
    /// What is known before anything is fetched.
    enum Decision: Sendable {
        /// The target lacks the tag. `repositoryIsEmpty` spares every look-up there.
        case copy(repositoryIsEmpty: Bool)
        /// The target has the tag, and nobody asked whether it still is the same image.
        case upToDate
        /// The target has the tag; the digests decide.
        case compare
        /// The target was not asked.
        case undecided
        /// Nothing may be done: its name at the target cannot be told, or is wanted for another image too.
        case refused(any Error)

        var isRefused: Bool { if case .refused = self { true } else { false } }
    }

    /// One tag of the entry.
    struct Tag: Sendable {
        let source: TagName
        let target: TagName
        var decision: Decision
        /// The source's digest where the listing told it.
        let listedDigest: Digest?
        /// The digests of its platforms' images where the listing told them.
        var listedImages: Set<Digest> = []
    }

    /// The entry's position in the configuration.
    let entry: Int
    /// Newest first.
    var tags: [Tag]
    var warnings: [String] = []
    /// The source's tags under which referrers are kept; `nil` when the source was not listed or nobody wants them.
    var referrerTags: Set<TagName>?
}
