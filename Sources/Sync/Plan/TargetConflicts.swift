package import OCI

/// Finds tags, of one entry or of several, that would put different images under one name at a target.
///
/// The same image under one name is no conflict. Only where two tags claim a name are their digests asked for.
struct TargetConflicts {
    let planner: Planner

    private struct Claim {
        let plan: Int
        let tag: Int
    }

    /// Refuses all tags that take part in a conflict.
    ///
    /// - Parameter plans: of one target repository.
    /// - Throws: `CancellationError` only: a digest that cannot be had is the business of its tag's copy.
    func refuse(in plans: inout [EntryPlan]) async throws {
        // The tags of one entry have different names, and keep them unless they are normalized.
        guard plans.count > 1 || plans.contains(where: { entry(of: $0).normalizesOS }) else { return }
        var claims: [TagName: [Claim]] = [:]
        for (position, plan) in plans.enumerated() {
            for (order, tag) in plan.tags.enumerated() where !tag.decision.isRefused {
                claims[tag.target, default: []].append(Claim(plan: position, tag: order))
            }
        }
        for (name, claims) in claims where claims.count > 1 {
            guard try await differ(claims, plans) else { continue }
            let error = TargetCollision(
                target: ImageReference(location: entry(of: plans[claims[0].plan]).target, tag: name),
                sources: claims.map { claim in
                    let plan = plans[claim.plan]
                    let source = ImageReference(location: entry(of: plan).source, tag: plan.tags[claim.tag].source)
                    return TargetCollision.Source(entry: plan.entry, image: source)
                }
            )
            for claim in claims { plans[claim.plan].tags[claim.tag].decision = .refused(error) }
        }
    }

    private func entry(of plan: EntryPlan) -> Configuration.Entry { planner.configuration.entries[plan.entry] }

    private func differ(_ claims: [Claim], _ plans: [EntryPlan]) async throws -> Bool {
        let (first, plan) = (entry(of: plans[claims[0].plan]), plans[claims[0].plan])
        let areOne = claims.allSatisfy { claim in
            let entry = entry(of: plans[claim.plan])
            return entry.source == first.source && entry.platforms == first.platforms
                && plans[claim.plan].tags[claim.tag].source == plan.tags[claims[0].tag].source
        }
        if areOne { return false }
        var digests: Set<Digest> = []
        for claim in claims {
            let entry = entry(of: plans[claim.plan])
            var comparison = DigestComparison(entry: entry, source: planner.source(entry.source), cache: planner.cache)
            comparison.keeps = planner.keeps
            do {
                digests.insert(try await comparison.pushedDigest(of: plans[claim.plan].tags[claim.tag]))
            } catch let error where !error.isCancellation { continue }
        }
        return digests.count > 1
    }
}

/// Several tags that would put different images under one tag of a target.
package struct TargetCollision: Error, Hashable, Sendable, CustomStringConvertible {
    /// Who wants the tag.
    package struct Source: Hashable, Sendable {
        /// The entry's position in the configuration.
        package let entry: Int
        package let image: ImageReference

        package init(entry: Int, image: ImageReference) {
            self.entry = entry
            self.image = image
        }
    }

    package let target: ImageReference
    /// At least two.
    package let sources: [Source]

    package init(target: ImageReference, sources: [Source]) {
        self.target = target
        self.sources = sources
    }

    package var description: String {
        let names = sources.map { "\($0.image) (sync.entries[\($0.entry)])" }.joined(separator: " and ")
        let advice =
            Set(sources.map(\.entry)).count == 1
            ? "os_normalize gives them one name: select only one of them"
            : "give one of the entries another target, or select other tags"
        return "\(names) are different images for one tag, \(target); \(advice)"
    }
}
