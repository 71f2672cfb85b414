import OCI
import Sync

/// What a run would do, as other programs read it: JSON of version 1, described by `docs/schema/plan.schema.json`.
///
/// What is not known is left out. Within a version keys and words are added, never changed.
struct PlanDocument: Encodable {
    enum Kind: String, Encodable {
        /// The tags that are meant, of `sync --list`.
        case list
        /// And what would be done with them at what cost, of `imglife plan`.
        case plan
    }

    let version = 1
    let kind: Kind
    let entries: [Entry]
    /// What each registry would be asked for; of plans.
    let hosts: [Host]?
    let totals: Totals

    /// One entry of the configuration.
    struct Entry: Encodable {
        /// Its place in `sync.entries`, from 0.
        let entry: Int
        let source: String
        let target: String
        /// Why its tags are not known; absent when they are.
        var failure: Trouble?
        var warnings: [String] = []
        /// Why the tag that was asked about is selected or not, one line a rule.
        var explanation: [String]?
        /// Newest first.
        var tags: [Tag] = []
    }

    struct Tag: Encodable {
        let sourceTag: String
        let targetTag: String
        let decision: Decision
        /// Why it is copied, or fails.
        var reason: String?
        var code: String?
        /// What the source's listing says that the tag points at.
        var digest: String?
        /// `true` where platforms are asked for and nobody has looked whether the image has them.
        var platformsUnread: Bool?
        /// What a run would warn of, one line each.
        var warnings: [String]?
        var cost: Cost?
    }

    /// What would be done with a tag.
    enum Decision: String, Encodable, CaseIterable {
        case copy
        /// The image is there, and what refers to it is not as the source has it.
        case referrers
        case upToDate = "up-to-date"
        /// Manifests would have to be read to tell.
        case compare
        /// Nobody looked for it at the target.
        case undecided
        case failed
    }

    struct Trouble: Encodable {
        let reason: String
        let code: String

        init(_ error: any Error) {
            reason = "\(error)"
            code = FailureCode(error).rawValue
        }
    }
}

extension PlanDocument {
    /// The document of a plan of the configuration's entries; a list tells no costs.
    init(_ plan: SyncPlan, of configuration: Configuration, kind: Kind) {
        self.kind = kind
        entries = plan.outcomes.map { Entry($0, configuration.entries[$0.entry]) }
        hosts = kind == .plan ? Host.all(of: plan, configuration) : nil
        totals = Totals(entries)
    }

    /// `source:tag -> target:tag` a line.
    var list: String {
        entries.flatMap { entry in
            entry.tags.map { "\(entry.source):\($0.sourceTag) -> \(entry.target):\($0.targetTag)\n" }
        }.joined()
    }
}

extension PlanDocument.Entry {
    init(_ outcome: SyncPlan.Outcome, _ configured: Configuration.Entry) {
        entry = outcome.entry
        source = configured.source.description
        target = configured.target.description
        switch outcome {
        case .failed(_, let error): failure = PlanDocument.Trouble(error)
        case .planned(let plan):
            warnings = plan.warnings
            explanation = plan.explanation.isEmpty ? nil : plan.explanation
            tags = plan.tags.map { PlanDocument.Tag($0, choosesPlatforms: !configured.platforms.isEmpty) }
        }
    }
}

extension PlanDocument.Tag {
    init(_ tag: EntryPlan.Tag, choosesPlatforms: Bool) {
        sourceTag = tag.source.description
        targetTag = tag.target.description
        digest = tag.listed.digest?.description
        cost = tag.cost.map(PlanDocument.Cost.init)
        platformsUnread = choosesPlatforms && tag.isUnread ? true : nil
        warnings = tag.told.isEmpty ? nil : tag.told
        reason = tag.decision.reason
        switch tag.decision {
        case .copy: decision = .copy
        case .copyReferrers: decision = .referrers
        case .upToDate: decision = .upToDate
        case .compare: (decision, reason) = (.compare, "digests are compared when manifests are read")
        case .undecided: decision = .undecided
        case .refused(let error):
            decision = .failed
            (reason, code) = ("\(error)", FailureCode(error).rawValue)
        }
    }
}

extension EntryPlan.Tag {
    /// Whether its manifests would have to be read to tell what would be pushed.
    fileprivate var isUnread: Bool {
        switch decision {
        case .copy: cost.map { $0.basis != .manifests } ?? false
        case .compare: true
        case .copyReferrers, .upToDate, .undecided, .refused: false
        }
    }
}
