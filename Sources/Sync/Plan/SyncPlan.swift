package import OCI

/// What is to be done with every tag of a run's entries: made once, by ``Planner``, and read by all who want to know.
package struct SyncPlan: Sendable {
    /// What became of planning one entry.
    package enum Outcome: Sendable {
        case planned(EntryPlan)
        /// Its tags are not known.
        case failed(entry: Int, any Error)

        /// The entry's position in the configuration.
        package var entry: Int {
            switch self {
            case .planned(let plan): plan.entry
            case .failed(let entry, _): entry
            }
        }
    }

    /// In the configuration's order.
    package var outcomes: [Outcome]
}

/// What is to be done with the tags of one entry.
package struct EntryPlan: Sendable {
    /// What is known of a tag before anything of it is copied.
    package enum Decision: Sendable {
        /// It is copied. `repositoryIsEmpty` spares every look-up at the target.
        case copy(repositoryIsEmpty: Bool, because: Cause)
        /// The target has the tag: with this digest, or nobody asked whether it still is the same image.
        case upToDate(Digest?)
        /// The image is there, and what refers to it has changed at the source.
        case copyReferrers
        /// The target has the tag, with this digest where it was asked for the tag alone; the digests decide.
        case compare(present: Digest?)
        /// The target was not asked.
        case undecided
        /// Nothing may be done, or nothing can be: its name at the target cannot be told, or is wanted for another image
        /// too; its source is gone.
        case refused(any Error)

        package var isRefused: Bool { if case .refused = self { true } else { false } }

        var isUpToDate: Bool { if case .upToDate = self { true } else { false } }

        /// Why something would be pushed, as reports and documents say it; `nil` where nothing would, or nobody knows.
        package var reason: String? {
            switch self {
            case .copy(_, let cause): cause.rawValue
            case .copyReferrers: "referrers new"
            case .upToDate, .compare, .undecided, .refused: nil
            }
        }
    }

    /// Why a tag is copied; the raw values stand in reports.
    package enum Cause: String, Sendable {
        /// The target lacks it, or does not tell.
        case absent
        case differs = "digest differs"
    }

    /// One tag of the entry.
    package struct Tag: Sendable {
        package let listed: ListedTag
        package let target: TagName
        package var decision: Decision
        private var details: Details?

        package var source: TagName { listed.name }

        init(_ listed: ListedTag, as target: TagName, decision: Decision = .undecided) {
            self.listed = listed
            self.target = target
            self.decision = decision
        }

        /// What would be pushed under the tag, where its manifests are at hand.
        package var image: Image? {
            get { details?.image }
            set { details = Details(image: newValue, cost: cost, warnings: warnings) }
        }

        /// What the copy would cost, where that was asked for.
        package var cost: CopyCost? {
            get { details?.cost }
            set { details = Details(image: image, cost: newValue, warnings: warnings) }
        }

        /// What a run would warn of, beside platforms that the image lacks; one line each.
        package var warnings: [String] {
            get { details?.warnings ?? [] }
            set { details = Details(image: image, cost: cost, warnings: newValue) }
        }

        /// All that a run would warn of.
        package var told: [String] { (image?.missingPlatforms ?? []).map(TagRun.lack) + warnings }
    }

    /// Kept beside the tags, as a run over a long listing asks for none.
    private final class Details: Sendable {
        let image: Image?
        let cost: CopyCost?
        let warnings: [String]

        init?(image: Image?, cost: CopyCost?, warnings: [String]) {
            guard image != nil || cost != nil || !warnings.isEmpty else { return nil }
            (self.image, self.cost, self.warnings) = (image, cost, warnings)
        }
    }

    /// An image that a run would push.
    package struct Image: Sendable {
        package let digest: Digest
        /// What the source's tag points at: the same, unless platforms are chosen from it.
        package let source: Digest
        /// Of the blobs that would be copied.
        package let bytes: Int64
        /// Platforms that are asked for and that it lacks, while it has others.
        package let missingPlatforms: [PlatformPattern]

        init(_ graph: ImageGraph, copying copied: [ImageGraph]) {
            missingPlatforms = graph.missingPlatforms
            digest = graph.top.descriptor.digest
            source = graph.source.digest
            bytes = Set(copied.flatMap(\.blobs)).reduce(0) { $0 + $1.size }
        }
    }

    /// The entry's position in the configuration.
    package let entry: Int
    /// Newest first.
    package var tags: [Tag]
    package var warnings: [String] = []
    /// The source's tags under which referrers are kept; `nil` when the source was not listed or nobody wants them.
    var referrerTags: ReferrerTags?
    /// The same of the target.
    var targetReferrerTags: ReferrerTags?
    /// Why the tag that was asked about is selected or not, one line a rule.
    package var explanation: [String] = []
}
