import Concurrency
import Logging
package import OCI

extension Syncer {
    /// How many tags are looked at before what is known of them is summed up.
    private static let appraisedTogether = 64

    /// The tags that a run would mirror, whether or not the target has them; asks the sources only.
    ///
    /// A fixed tag that its source does not have is looked for at the target, which may keep it.
    ///
    /// - Throws: `CancellationError` only.
    package func list() async throws -> SyncPlan {
        var planner = planner
        planner.keeps = false
        let plan = try await planner.plan(chosen, to: .names)
        _ = told(plan)
        return plan
    }

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
    ) async throws -> SyncPlan {
        var ledger = CostLedger(cache: cache)
        let plan = try await appraised(readingManifests: readsManifests, explaining: explained) {
            tag,
            entry,
            appraisal in
            guard let appraisal else { return }
            var isEmpty = false
            if case .copy(let repositoryIsEmpty, _) = tag.decision { isEmpty = repositoryIsEmpty }
            let (source, target) = (configuration.entries[entry].source, configuration.entries[entry].target)
            do {
                tag.cost = try await ledger.cost(
                    of: appraisal,
                    from: source,
                    to: places.target(at: target),
                    isEmpty: isEmpty
                )
            } catch let error where !error.isCancellation {
                tag.decision = .refused(error)
            }
        }
        _ = told(plan)
        return plan
    }

    /// A dry run: the report of a run over the same plan, whose manifests are read so that it fails where the run would.
    ///
    /// Writes nothing, pushes nothing and runs no hook.
    ///
    /// - Throws: `CancellationError` only.
    package func foresee() async throws -> SyncReport {
        let plan = try await appraised(readingManifests: true)
        var report = soFar()
        report.isDryRun = true
        report.rows = told(plan)
        report.warnings = plan.outcomes.flatMap { outcome in
            guard case .planned(let plan) = outcome else { return [SyncReport.Warning]() }
            return plan.warnings.map { SyncReport.Warning(entry: plan.entry, text: $0) }
        }
        return report
    }

    /// The plan with all decided that can be.
    ///
    /// Each tag is noted in its order, with its entry's position and what its image is made of. Throws
    /// `CancellationError`, and what `note` throws.
    private func appraised(
        readingManifests reads: Bool,
        explaining explained: ImageReference? = nil,
        _ note: (inout EntryPlan.Tag, Int, Appraisal?) async throws -> Void = { _, _, _ in }
    ) async throws -> SyncPlan {
        progress.expect(entries: chosen.count)
        var planner = planner
        planner.explained = explained
        planner.keeps = false
        var plan = try await planner.plan(
            chosen,
            to: .decisions,
            noting: { [progress] outcome in
                progress.planned(tags: outcome.rows)
                if case .failed = outcome { progress.finished(failed: true) }
            }
        )
        var rest = plan.work[...]
        while !rest.isEmpty {
            let together = rest.prefix(Self.appraisedTogether)
            rest = rest.dropFirst(together.count)
            let appraised = try await together.map(limit: options.parallelism) { work in
                let (tag, appraisal) = try await TagRun(work.tag, of: self).appraised(readingManifests: reads)
                progress.finished(failed: tag.decision.isRefused)
                return (tag, appraisal)
            }
            for (work, (tag, appraisal)) in zip(together, appraised) {
                var tag = tag
                try await note(&tag, work.tag.entry, appraisal)
                plan.replace(work, by: tag)
            }
        }
        return plan
    }

    /// The rows of a run that ends as the plan says; logs what entries are warned of, and what fails.
    private func told(_ plan: SyncPlan) -> [SyncReport.Row] {
        plan.outcomes.flatMap { outcome in
            switch outcome {
            case .failed(let position, let error): return [failure(of: position, tag: nil, error: error)]
            case .planned(let plan):
                let entry = configuration.entries[plan.entry]
                for warning in plan.warnings { logger.warning("\(warning)", metadata: entry.metadata) }
                return plan.tags.map { row(of: plan.entry, $0) }
            }
        }
    }

    private func row(of position: Int, _ tag: EntryPlan.Tag) -> SyncReport.Row {
        if case .refused(let error) = tag.decision { return failure(of: position, tag: tag, error: error) }
        guard case .upToDate(let digest) = tag.decision else {
            var row = row(of: position, tag: tag, .synced)
            row.reason = tag.decision.reason
            row.digest = tag.image?.digest
            row.sourceDigest = tag.image?.source
            row.plannedBytes = tag.image?.bytes
            let missing = tag.image?.missingPlatforms.map(TagRun.lack) ?? []
            let metadata = configuration.entries[position].metadata(of: tag)
            for warning in missing { logger.warning("\(warning)", metadata: metadata) }
            row.warnings = tag.told
            return row
        }
        var row = row(of: position, tag: tag, .upToDate)
        row.digest = digest
        row.drifted = digest == nil ? nil : false
        row.warnings = tag.warnings
        return row
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

    /// Each tag, with its place among the outcomes.
    fileprivate var work: [(outcome: Int, tag: TagWork)] {
        outcomes.enumerated().flatMap { index, outcome in
            guard case .planned(let plan) = outcome else { return [(outcome: Int, tag: TagWork)]() }
            return plan.work.map { (index, $0) }
        }
    }

    fileprivate mutating func replace(_ work: (outcome: Int, tag: TagWork), by tag: EntryPlan.Tag) {
        guard case .planned(var plan) = outcomes[work.outcome] else { return }
        // Taken out meanwhile: a second reference would copy all of them for each.
        var tags = plan.tags
        plan.tags = []
        outcomes[work.outcome] = .planned(plan)
        tags[work.tag.order] = tag
        plan.tags = tags
        outcomes[work.outcome] = .planned(plan)
    }
}

extension SyncPlan.Outcome {
    /// How many rows of a report it becomes.
    fileprivate var rows: Int {
        switch self {
        case .failed: 1
        case .planned(let plan): plan.tags.count
        }
    }
}
