import Cache
import Concurrency
import Logging
import OCI
import Registry

/// Brings one tag of a run to its end: up to date, copied, or failed.
struct TagRun: Sendable {
    let work: TagWork
    let run: Syncer
    let entry: Configuration.Entry
    private let start = ContinuousClock.now

    init(_ work: TagWork, of run: Syncer) {
        self.work = work
        self.run = run
        entry = run.configuration.entries[work.entry]
    }

    var source: any ImageSource { run.source(at: entry.source) }
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
            let (decision, present) = try await compared()
            switch decision {
            case .refused(let error): return failure(error)
            case .copy(let isEmpty, _): return try await copy(repositoryIsEmpty: isEmpty, over: present)
            case .upToDate(let digest): return try await upToDate(digest)
            case .compare, .undecided, .copyReferrers: return try await copy(repositoryIsEmpty: false)
            }
        } catch let error where !error.isCancellation {
            return failure(error)
        }
    }

    func upToDate(_ digest: Digest?) async throws -> SyncReport.Row {
        if let cache = run.cache, !options.isOffline {
            let configs = run.planner.configs(of: source)
            let comparison = DigestComparison(entry: entry, source: source, configs: configs)
            let recovery = NameRecovery(entry: entry, comparison: comparison, target: target, cache: cache)
            if let digest { try await recovery.forgetOthers(than: digest, of: work.tag.source) }
            if run.cacheWithoutNames != nil, try await !recovery.recover(work.tag, present: digest) {
                run.collector.noteUnnamed()
            }
        }
        var row = row(.upToDate)
        if let copied = try await copyNewReferrers(of: digest, &row.warnings) { return copied }
        row.digest = digest
        row.drifted = digest == nil ? await drift() : false
        return row
    }

    /// The decision, once digests have been compared where they decide, and what the target has under the tag where it
    /// seems to be something else.
    func compared(
        readingManifests reads: Bool = true,
        keeping keeps: Bool = true
    ) async throws -> (EntryPlan.Decision, present: Digest?) {
        guard case .compare = work.tag.decision else { return (told(work.tag.decision), nil) }
        var configs = run.planner.configs(of: source)
        configs.keeps = keeps
        let comparison = DigestComparison(entry: entry, source: source, configs: configs, reads: reads)
        let result = try await comparison.compare(work.tag, at: target)
        guard !result.isEqual else {
            if keeps, let cache = run.cache {
                try await imageCopy(through: cache, repositoryIsEmpty: false).notes.settleDoubt()
                if let pushed = result.pushed { try await noteFound(pushed, of: result.document, in: cache) }
            }
            return (told(.upToDate(result.expected)), nil)
        }
        return (told(.copy(repositoryIsEmpty: false, because: .differs)), result.present)
    }

    /// Notes what the target was found to have, whoever gave it that: the cache may stand for an earlier image.
    ///
    /// - Parameters:
    ///   - digest: what it has.
    ///   - document: what the source has, where platforms are chosen of it.
    ///   - cache: where it is noted.
    /// - Throws: `CacheError`.
    func noteFound(_ digest: Digest, of document: Digest?, in cache: ContentCache) async throws {
        guard !options.isOffline else { return }
        let notes = imageCopy(through: cache, repositoryIsEmpty: false).notes
        try await notes.noteFound(digest, of: document) {
            let held = try await cache.names.resolve(.tag(work.tag.source), in: entry.source)
            guard let held else { return false }
            return try await DigestComparison.wouldPush(held, for: entry, as: digest, from: cache)
        }
    }

    /// What is to be done with a tag, and why, for those who want to know.
    private func told(_ decision: EntryPlan.Decision) -> EntryPlan.Decision {
        let (word, reason): (String, String)
        switch decision {
        case .copy(_, .differs): (word, reason) = ("copy", "digest differs")
        case .copy: (word, reason) = ("copy", "the target lacks the tag, or does not tell")
        case .upToDate(let digest?): (word, reason) = ("up to date", "the target's digest is \(digest)")
        case .upToDate: (word, reason) = ("up to date", "the target lists the tag")
        case .copyReferrers, .compare, .undecided, .refused: return decision
        }
        run.logger.debug("decided", metadata: metadata(["decision": "\(word)", "because": "\(reason)"]))
        return decision
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

    static func lack(of platform: PlatformPattern) -> String { "the image lacks the platform \(platform)" }

    func row(of outcome: CopyOutcome) -> SyncReport.Row {
        let missing = outcome.missingPlatforms.map(Self.lack)
        var row = row(outcome.isAlreadyThere ? .upToDate : .synced)
        row.warnings = warn(missing + outcome.warnings)
        row.digest = outcome.pushed.digest
        guard !outcome.isAlreadyThere else { return row }
        row.sourceDigest = outcome.source.digest
        row.referrers = outcome.referrers
        run.tell(.info, "synced", metadata(["digest": "\(outcome.pushed.digest)"]))
        return row
    }

    /// Runs a copy when it is its turn; what it has waited for that is no part of its time.
    func inTurn(
        blobs: Int = 0,
        _ body: (Turn) async throws -> SyncReport.Row
    ) async throws -> SyncReport.Row {
        let ready = ContinuousClock.now
        let (run, position) = (run, work.entry)
        let room = { @Sendable in run.room(for: position)?.blobs }
        let isHeldBack = { @Sendable in run.isHeldBack(position) }
        return try await run.turns.withTurn(blobs: blobs, room: room, isHeldBack: isHeldBack) { turn in
            let waited = ContinuousClock.now - ready
            var row = try await body(turn)
            if row.status != .upToDate { row.duration = ContinuousClock.now - start - waited }
            return row
        }
    }

    func job(repositoryIsEmpty: Bool) -> CopyJob {
        CopyJob(
            source: entry.source,
            reference: .tag(work.tag.source),
            target: entry.target,
            tag: work.tag.target,
            platforms: entry.platforms,
            targetIsEmpty: repositoryIsEmpty,
            includesReferrers: entry.includesReferrers,
            referrerTags: work.referrerTags,
            targetReferrerTags: work.targetReferrerTags,
            listed: work.tag.listed.digest,
            entry: work.entry,
            others: { [work, configuration = run.configuration] in
                configuration.platforms(besides: work.entry, of: work.tag.source)
            },
            isWritten: { [target = entry.target, configuration = run.configuration] in
                configuration.write($0, at: target)
            }
        )
    }

    func imageCopy(through cache: ContentCache, repositoryIsEmpty: Bool) -> ImageCopy {
        ImageCopy(
            job: job(repositoryIsEmpty: repositoryIsEmpty),
            source: source,
            target: target,
            cache: cache,
            known: run.known,
            early: run.early,
            progress: run.progress
        )
    }

    /// Copies something of a tag, and counts the bytes whatever becomes of it.
    func bringing(_ copy: ImageCopy, _ body: () async throws -> SyncReport.Row) async throws -> SyncReport.Row {
        var row: SyncReport.Row
        do {
            row = try await body()
        } catch let error where error.isCancellation {
            run.collector.add(unfinished: copy.bytes.total)
            throw error
        } catch {
            row = failure(error)
        }
        row.bytes = copy.bytes.total
        return row
    }

    /// What refers to an up-to-date image and came later, or went away, as the image that it refers to.
    ///
    /// - Returns: `nil` when there is nothing of the kind, or when that cannot be told, which a warning says.
    func newReferrers(
        of present: Digest?,
        keeping keeps: Bool,
        _ warnings: inout [String]
    ) async throws -> (ImageCopy, ImageGraph)? {
        guard entry.includesReferrers, let cache = run.cache else { return nil }
        let copy = imageCopy(through: cache, repositoryIsEmpty: false)
        do {
            guard let graph = try await copy.mirrored(present, keeping: keeps) else { return nil }
            let tags = try await copy.referrerTags()
            let work = ReferrerIndexes.Work(on: graph, of: copy.job)
            let ask = { () async throws -> Bool in
                options.isOffline
                    ? try await CachedReferrerNews(copy: copy, graph: graph, tags: tags).isThere()
                    : try await ReferrerNews(copy: copy, graph: graph, tags: tags, notes: keeps).isThere()
            }
            let isThere = try await CopyError.ofPresentImage {
                try await run.known.referrerIndexes.news.value(for: work, isGood: { _ in true }, fetch: ask)
            }
            return isThere ? (copy, graph) : nil
        } catch let error as TargetCollision {
            throw error
        } catch let error where !error.isCancellation {
            let text = "it cannot be told whether something new refers to the image"
            run.logger.warning("\(text)", metadata: metadata(["error": "\(error)"]))
            warnings.append("\(text): \(error)")
            return nil
        }
    }

    /// Brings what is new of that to the target.
    private func copyNewReferrers(of present: Digest?, _ warnings: inout [String]) async throws -> SyncReport.Row? {
        guard let (copy, mirrored) = try await newReferrers(of: present, keeping: true, &warnings) else { return nil }
        return try await inTurn { _ in
            try await bringing(copy) {
                let outcome = try await CopyError.ofPresentImage {
                    try await ReferrerCopy(copy: copy, graph: mirrored, isUpToDate: true).run()
                }
                var row = row(outcome.hasWritten ? .synced : .upToDate)
                row.digest = mirrored.top.descriptor.digest
                row.warnings = warn(outcome.warnings)
                guard outcome.hasWritten else { return row }
                row.reason = EntryPlan.Decision.copyReferrers.reason
                row.referrers = outcome.count
                run.tell(.info, "synced what refers to the image", metadata(["referrers": "\(outcome.count)"]))
                return row
            }
        }
    }

    private func row(_ status: SyncReport.Status) -> SyncReport.Row {
        run.row(of: work.entry, tag: work.tag, status)
    }

    private func failure(_ error: any Error) -> SyncReport.Row {
        run.failure(of: work.entry, tag: work.tag, error: error)
    }

    func warn(_ warnings: [String]) -> [String] {
        for warning in warnings { run.logger.warning("\(warning)", metadata: metadata()) }
        return warnings
    }

    private func metadata(_ more: Logger.Metadata = [:]) -> Logger.Metadata {
        entry.metadata(of: work.tag).merging(more) { _, new in new }
    }
}
