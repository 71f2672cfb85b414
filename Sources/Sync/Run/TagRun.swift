import Cache
import Concurrency
import Logging
import OCI
import Registry

/// One tag, with its place in the report.
struct TagWork: Sendable {
    let entry: Int
    let order: Int
    let tag: EntryPlan.Tag
    /// See ``EntryPlan/referrerTags``.
    let referrerTags: Set<TagName>?
}

/// Brings one tag of a run to its end: up to date, copied, or failed.
struct TagRun: Sendable {
    private let work: TagWork
    private let run: Syncer
    private let entry: Configuration.Entry
    private let start = ContinuousClock.now

    init(_ work: TagWork, of run: Syncer) {
        self.work = work
        self.run = run
        entry = run.configuration.entries[work.entry]
    }

    private var source: any ImageSource { run.places.source(at: entry.source) }
    private var target: any ImageTarget { run.places.target(at: entry.target) }
    /// Whether the cache is asked alone, or nothing at all is written.
    private var options: Syncer.Options { run.options }

    /// - Throws: `CancellationError` only.
    func perform() async throws -> SyncReport.Row {
        var row = try await outcome()
        if row.status != .upToDate, row.duration == nil { row.duration = ContinuousClock.now - start }
        return row
    }

    private func outcome() async throws -> SyncReport.Row {
        do {
            switch try await compared() {
            case .refused(let error): return failure(error)
            case .copy(let repositoryIsEmpty, let cause):
                decided("copy", cause == .differs ? "digest differs" : "the target lacks the tag, or does not tell")
                return try await copy(repositoryIsEmpty: repositoryIsEmpty, because: cause)
            case .upToDate(let digest):
                decided("up to date", digest.map { "the target's digest is \($0)" } ?? "the target lists the tag")
                if let row = try await newReferrers() { return row }
                var row = row(.upToDate)
                row.digest = digest
                row.drifted = digest == nil ? await drift() : false
                return row
            case .compare, .undecided, .copyReferrers:
                return try await copy(repositoryIsEmpty: false, because: .absent)
            }
        } catch let error where !error.isCancellation {
            return failure(error)
        }
    }

    /// What would be done with the tag, and what its image is made of where it would be copied.
    ///
    /// - Throws: `CancellationError` only.
    func appraised(readingManifests reads: Bool) async throws -> (EntryPlan.Decision, Appraisal?) {
        do {
            let decision = try await compared(readingManifests: reads, keeping: false)
            switch decision {
            case .copy:
                let appraisal = try await Appraisal(
                    of: work.tag,
                    entry.platforms,
                    from: source,
                    run.cache,
                    reads: reads
                )
                if let cache = run.cache { try appraisal.graph?.require(from: source, in: cache) }
                return (decision, appraisal)
            case .upToDate where reads:
                return try await newReferrers(isForeseen: true) == nil ? (decision, nil) : (.copyReferrers, nil)
            default: return (decision, nil)
            }
        } catch is CountedSource.Unread {
            return (.compare, nil)
        } catch let error where !error.isCancellation {
            return (.refused(error), nil)
        }
    }

    /// The decision, once digests have been compared where they decide.
    private func compared(
        readingManifests reads: Bool = true,
        keeping keeps: Bool = true
    ) async throws -> EntryPlan.Decision {
        guard case .compare = work.tag.decision else { return work.tag.decision }
        var comparison = DigestComparison(entry: entry, source: source, cache: run.cache)
        comparison.reads = reads
        comparison.keeps = keeps
        let result = try await comparison.compare(work.tag, at: target)
        return result.isEqual ? .upToDate(result.expected) : .copy(repositoryIsEmpty: false, because: .differs)
    }

    /// What is to be done with a tag, and why, for those who want to know.
    private func decided(_ decision: String, _ reason: @autoclosure () -> String) {
        run.logger.debug("decided", metadata: metadata(["decision": "\(decision)", "because": "\(reason())"]))
    }

    /// Tells of a tag that is kept as it is though upstream's has moved.
    private func drift() async -> Bool? {
        guard let cache = run.cache, !options.isOffline else { return nil }
        let drifted = try? await DriftCheck(entry: entry, cache: cache).hasDrifted(work.tag)
        if drifted == true {
            let advice = "upstream's tag has moved since it was mirrored; 'check_digest: true' would follow it"
            run.logger.notice("\(advice)", metadata: metadata())
        }
        return drifted
    }

    private func copy(repositoryIsEmpty: Bool, because cause: EntryPlan.Cause) async throws -> SyncReport.Row {
        guard let cache = run.cache, !options.isDryRun else { return try await foreseen(because: cause) }
        // Once the disk fails nothing can be copied; each tag says so without asking a registry.
        try cache.checkUsable()
        let copy = imageCopy(through: cache, repositoryIsEmpty: repositoryIsEmpty)
        let image = try await copy.read()
        return try await inTurn {
            try await bringing(copy) {
                try cache.checkUsable()
                return self.row(of: try await copy.run(image))
            }
        }
    }

    private func row(of outcome: CopyOutcome) -> SyncReport.Row {
        let missing = outcome.missingPlatforms.map { "the image lacks the platform \($0)" }
        var row = row(.synced)
        row.warnings = warn(missing + outcome.warnings)
        row.digest = outcome.pushed.digest
        row.sourceDigest = outcome.source.digest
        row.referrers = outcome.referrers
        run.tell(.info, "synced", metadata(["digest": "\(outcome.pushed.digest)"]))
        return row
    }

    /// Runs a copy when it is its turn; what it has waited for that is no part of its time.
    private func inTurn(_ body: () async throws -> SyncReport.Row) async throws -> SyncReport.Row {
        let ready = ContinuousClock.now
        return try await run.turns.withPlace {
            let waited = ContinuousClock.now - ready
            var row = try await body()
            row.duration = ContinuousClock.now - start - waited
            return row
        }
    }

    private func imageCopy(through cache: ContentCache, repositoryIsEmpty: Bool) -> ImageCopy {
        let job = CopyJob(
            source: entry.source,
            reference: .tag(work.tag.source),
            target: entry.target,
            tag: work.tag.target,
            platforms: entry.platforms,
            targetIsEmpty: repositoryIsEmpty,
            includesReferrers: entry.includesReferrers,
            referrerTags: work.referrerTags
        )
        return ImageCopy(
            job: job,
            source: source,
            target: target,
            cache: cache,
            known: run.known,
            progress: run.progress
        )
    }

    /// Copies something of a tag, and counts the bytes whatever becomes of it.
    private func bringing(_ copy: ImageCopy, _ body: () async throws -> SyncReport.Row) async throws -> SyncReport.Row {
        var row: SyncReport.Row
        do {
            row = try await body()
        } catch let error where !error.isCancellation {
            row = failure(error)
        }
        row.bytes = copy.bytes.total
        return row
    }

    /// Brings what refers to an up-to-date image and came later, or went away, to the target.
    ///
    /// - Returns: `nil` when there is nothing of the kind, or when that cannot be told, which a warning says.
    private func newReferrers(isForeseen: Bool = false) async throws -> SyncReport.Row? {
        guard entry.includesReferrers, let cache = run.cache, !options.isOffline else { return nil }
        let copy = imageCopy(through: cache, repositoryIsEmpty: false)
        let mirrored: ImageGraph
        do {
            guard let graph = try await copy.mirrored() else { return nil }
            let news = ReferrerNews(copy: copy, graph: graph, tags: try await copy.referrerTags())
            guard try await news.isThere() else { return nil }
            mirrored = graph
        } catch let error where !error.isCancellation {
            let text = "it cannot be told whether something new refers to the image"
            run.logger.warning("\(text)", metadata: metadata(["error": "\(error)"]))
            return nil
        }
        var row = row(.synced)
        row.digest = mirrored.top.descriptor.digest
        row.reason = "referrers new"
        guard !options.isDryRun, !isForeseen else { return row }
        return try await inTurn {
            try await bringing(copy) {
                let outcome = try await ReferrerCopy(copy: copy, graph: mirrored).run()
                row.warnings = warn(outcome.warnings)
                row.referrers = outcome.count
                run.tell(.info, "synced what refers to the image", metadata(["referrers": "\(outcome.count)"]))
                return row
            }
        }
    }

    /// Reads what a copy would begin with, so that a dry run fails where a run would: a tag that is gone, a source that
    /// is down, no matching platform, a cache that is the source and lacks something.
    private func foreseen(because cause: EntryPlan.Cause) async throws -> SyncReport.Row {
        let source = source
        let appraisal = try await Appraisal(of: work.tag, entry.platforms, from: source, run.cache, reads: true)
        guard let graph = appraisal.graph else { throw CountedSource.Unread() }
        if let cache = run.cache { try graph.require(from: source, in: cache) }
        var row = row(.synced)
        row.reason = cause.rawValue
        row.digest = graph.top.descriptor.digest
        row.sourceDigest = graph.source.digest
        row.plannedBytes = graph.blobs.reduce(0) { $0 + $1.size }
        return row
    }

    private func row(_ status: SyncReport.Status) -> SyncReport.Row {
        run.row(of: work.entry, tag: work.tag, status)
    }

    private func failure(_ error: any Error) -> SyncReport.Row {
        run.failure(of: work.entry, tag: work.tag, error: error)
    }

    private func warn(_ warnings: [String]) -> [String] {
        for warning in warnings { run.logger.warning("\(warning)", metadata: metadata()) }
        return warnings
    }

    private func metadata(_ more: Logger.Metadata = [:]) -> Logger.Metadata {
        let tags: Logger.Metadata = [
            "source": "\(entry.source):\(work.tag.source)", "target": "\(entry.target):\(work.tag.target)",
        ]
        return tags.merging(more) { _, new in new }
    }
}
