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
        /// The target has the tag; the digests decide.
        case compare
        /// The target was not asked.
        case undecided
        /// Nothing may be done, or nothing can be: its name at the target cannot be told, or is wanted for another image
        /// too; its source is gone.
        case refused(any Error)

        package var isRefused: Bool { if case .refused = self { true } else { false } }
    }

    /// Why a tag is copied; the raw values stand in reports.
    package enum Cause: String, Sendable {
        /// The target lacks it, or does not tell.
        case absent
        case differs = "digest differs"
        case unasked = "not looked for"
    }

    /// One tag of the entry.
    package struct Tag: Sendable {
        package let listed: ListedTag
        package let target: TagName
        package var decision: Decision
        private var price: Price?

        package var source: TagName { listed.name }

        init(_ listed: ListedTag, as target: TagName, decision: Decision = .undecided) {
            self.listed = listed
            self.target = target
            self.decision = decision
        }

        /// What the copy would cost, where that was asked for.
        package var cost: CopyCost? {
            get { price?.cost }
            set { price = newValue.map(Price.init) }
        }
    }

    /// Kept beside the tags, as a run over a long listing asks for none.
    private final class Price: Sendable {
        let cost: CopyCost

        init(_ cost: CopyCost) {
            self.cost = cost
        }
    }

    /// The entry's position in the configuration.
    package let entry: Int
    /// Newest first.
    package var tags: [Tag]
    package var warnings: [String] = []
    /// The source's tags under which referrers are kept; `nil` when the source was not listed or nobody wants them.
    var referrerTags: Set<TagName>?
    /// Why the tag that was asked about is selected or not, one line a rule.
    package var explanation: [String] = []
}
