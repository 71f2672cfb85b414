import Concurrency
import Logging
package import OCI

extension Syncer {
    /// The tags that a run would mirror, whether or not the target has them; asks the sources only.
    ///
    /// - Throws: `CancellationError` only.
    package func list() async throws -> SyncPlan { tell(try await planner.plan(chosen, to: .names)) }

    /// What a run would do, and what that would cost.
    ///
    /// Writes nothing. Digests that must be compared are, where that takes no manifest.
    ///
    /// - Parameters:
    ///   - readsManifests: whether the manifests of what would be copied are read, so that all of it is exact.
    ///   - explained: a source's tag; the plans of its entries tell why it is selected or not.
    /// - Returns: the plan; what fails is part of it.
    /// - Throws: `CancellationError` only.
    package func plan(
        readingManifests readsManifests: Bool,
        explaining explained: ImageReference? = nil
    ) async throws
        -> SyncPlan
    {
        var planner = planner
        planner.explained = explained
        planner.keeps = false
        var plan = try await planner.plan(chosen, to: .decisions)
        var ledger = CostLedger(cache: cache)
        for index in plan.outcomes.indices {
            guard case .planned(let entry) = plan.outcomes[index] else { continue }
            plan.outcomes[index] = .planned(try await priced(entry, &ledger, readsManifests))
        }
        return tell(plan)
    }

    /// Settles what the plan leaves open, and tells what each copy costs.
    private func priced(_ plan: EntryPlan, _ ledger: inout CostLedger, _ reads: Bool) async throws -> EntryPlan {
        var plan = plan
        let appraised = try await plan.work.map(limit: options.parallelism) { work in
            try await TagRun(work, of: self).appraised(readingManifests: reads)
        }
        for (index, (decision, appraisal)) in appraised.enumerated() {
            plan.tags[index].decision = decision
            guard case .copy(let isEmpty, _) = decision, let appraisal else { continue }
            let entry = configuration.entries[plan.entry]
            do {
                let target = places.target(at: entry.target)
                let cost = try await ledger.cost(of: appraisal, from: entry.source, to: target, isEmpty: isEmpty)
                plan.tags[index].cost = cost
            } catch let error where !error.isCancellation {
                plan.tags[index].decision = .refused(error)
            }
        }
        return plan
    }

    /// Logs what entries are warned of, and what fails.
    private func tell(_ plan: SyncPlan) -> SyncPlan {
        for outcome in plan.outcomes {
            switch outcome {
            case .failed(let position, let error): _ = failure(of: position, tag: nil, error: error)
            case .planned(let plan):
                let entry = configuration.entries[plan.entry]
                for warning in plan.warnings { logger.warning("\(warning)", metadata: entry.metadata) }
                for tag in plan.tags {
                    guard case .refused(let error) = tag.decision else { continue }
                    _ = failure(of: plan.entry, tag: tag, error: error)
                }
            }
        }
        return plan
    }
}

extension SyncPlan {
    /// Entries whose tags are not known, and tags that may not or cannot be written.
    package var failures: Int {
        outcomes.reduce(0) { sum, outcome in
            switch outcome {
            case .failed: sum + 1
            case .planned(let plan): sum + plan.tags.count { $0.decision.isRefused }
            }
        }
    }
}
