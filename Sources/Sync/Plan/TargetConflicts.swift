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

    /// Refuses all tags that take part in a conflict, and those of which that cannot be told.
    ///
    /// - Parameter plans: of one target repository.
    /// - Throws: `CancellationError` only.
    func refuse(in plans: inout [EntryPlan]) async throws {
        // The tags of one entry have different names, and keep them unless they are normalized.
        guard plans.count > 1 || plans.contains(where: { entry(of: $0).normalizesOS }) else { return }
        var claims: [TagName: [Claim]] = [:]
        for (position, plan) in plans.enumerated() {
            for (order, tag) in plan.tags.enumerated() where !tag.decision.isRefused {
                claims[tag.target, default: []].append(Claim(plan: position, tag: order))
            }
        }
        for (name, claims) in claims where claims.count > 1 && !areOne(claims, plans) {
            let target = ImageReference(location: entry(of: plans[claims[0].plan]).target, tag: name)
            for (claim, error) in try await refusals(of: claims, for: target, plans) {
                plans[claim.plan].tags[claim.tag].decision = .refused(error)
            }
        }
    }

    private func entry(of plan: EntryPlan) -> Configuration.Entry { planner.configuration.entries[plan.entry] }

    private func areOne(_ claims: [Claim], _ plans: [EntryPlan]) -> Bool {
        let (first, plan) = (entry(of: plans[claims[0].plan]), plans[claims[0].plan])
        return claims.allSatisfy { claim in
            let entry = entry(of: plans[claim.plan])
            return entry.source == first.source && entry.platforms == first.platforms
                && plans[claim.plan].tags[claim.tag].source == plan.tags[claims[0].tag].source
        }
    }

    /// What becomes of the claims of one name that are not of one image, or of which nobody knows.
    private func refusals(
        of claims: [Claim],
        for target: ImageReference,
        _ plans: [EntryPlan]
    ) async throws -> [(Claim, any Error)] {
        var images: [(claim: Claim, digest: Result<Digest, any Error>)] = []
        for claim in claims {
            if let digest = try await digest(of: claim, plans) { images.append((claim, digest)) }
        }
        let known = Set(images.compactMap { try? $0.digest.get() })
        if known.count > 1 {
            let error = collision(claims, target, plans)
            return claims.map { ($0, error) }
        }
        guard let reason = images.lazy.compactMap(\.digest.failure).first, images.count > 1 else { return [] }
        let error = collision(images.map(\.claim), target, plans, doubt: "\(reason)")
        // What is up to date is not written.
        return images.filter { !plans[$0.claim.plan].tags[$0.claim.tag].decision.isUpToDate }
            .map { ($0.claim, $0.digest.failure ?? error) }
    }

    /// What a claim would put under the name; `nil` where there is nothing to put there.
    private func digest(of claim: Claim, _ plans: [EntryPlan]) async throws -> Result<Digest, any Error>? {
        let entry = entry(of: plans[claim.plan])
        let source = planner.source(entry.source)
        let comparison = DigestComparison(entry: entry, source: source, configs: planner.configs(of: source))
        do {
            return .success(try await comparison.pushedDigest(of: plans[claim.plan].tags[claim.tag]))
        } catch let error as CopyError where error.isOfNothing {
            return nil
        } catch let error where !error.isCancellation {
            return .failure(error)
        }
    }

    private func collision(
        _ claims: [Claim],
        _ target: ImageReference,
        _ plans: [EntryPlan],
        doubt: String? = nil
    ) -> TargetCollision {
        let sources = claims.map { claim in
            let plan = plans[claim.plan]
            let source = ImageReference(location: entry(of: plan).source, tag: plan.tags[claim.tag].source)
            return TargetCollision.Source(entry: plan.entry, image: source)
        }
        return TargetCollision(target: target, sources: sources, doubt: doubt)
    }
}

extension Result {
    fileprivate var failure: Failure? { if case .failure(let error) = self { error } else { nil } }
}

/// Several tags that would put different images under one tag of a target, or may do so.
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
    /// Why it cannot be told whether they are; `nil` where they are.
    package let doubt: String?

    package init(target: ImageReference, sources: [Source], doubt: String? = nil) {
        self.target = target
        self.sources = sources
        self.doubt = doubt
    }

    package var description: String {
        let names = sources.map { "\($0.image) (sync.entries[\($0.entry)])" }.joined(separator: " and ")
        if let doubt {
            return "it cannot be told whether \(names) are the same image for one tag, \(target): \(doubt)"
        }
        let advice =
            Set(sources.map(\.entry)).count == 1
            ? "os_normalize gives them one name: select only one of them"
            : "give one of the entries another target, or select other tags"
        return "\(names) are different images for one tag, \(target); \(advice)"
    }
}
