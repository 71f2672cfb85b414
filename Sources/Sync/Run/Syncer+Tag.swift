import Cache
import Logging
import OCI
import Registry

extension Syncer {
    /// Brings one tag to its end: up to date, copied, or failed.
    ///
    /// - Throws: `CancellationError` only.
    func perform(_ work: TagWork) async throws -> SyncReport.Row {
        let entry = configuration.entries[work.entry]
        do {
            switch work.tag.decision {
            case .refused(let error):
                return failure(of: entry, position: work.entry, tag: work.tag, error: error)
            case .undecided:
                return try await copy(work, repositoryIsEmpty: false, because: "not looked for")
            case .upToDate:
                decided(work, "up to date", "the target lists the tag")
                if let row = try await newReferrers(of: work) { return row }
                var row = row(work, .upToDate)
                if let drifted = await drift(of: work) { row.drifted = drifted }
                return row
            case .copy(let repositoryIsEmpty):
                decided(work, "copy", "the target lacks the tag, or does not tell")
                return try await copy(work, repositoryIsEmpty: repositoryIsEmpty, because: "absent")
            case .compare:
                let comparison = try await DigestComparison(
                    entry: entry,
                    source: source(of: entry),
                    target: client.repository(entry.target, for: .push),
                    cache: cache
                )
                .compare(work.tag)
                guard comparison.isEqual else {
                    decided(work, "copy", "the target's digest is not \(comparison.expected)")
                    return try await copy(work, repositoryIsEmpty: false, because: "digest differs")
                }
                decided(work, "up to date", "the target's digest is \(comparison.expected)")
                if let row = try await newReferrers(of: work) { return row }
                var row = row(work, .upToDate)
                row.digest = comparison.expected
                row.drifted = false
                return row
            }
        } catch let error where !error.isCancellation {
            return failure(of: entry, position: work.entry, tag: work.tag, error: error)
        }
    }

    /// What is to be done with a tag, and why, for those who want to know.
    private func decided(_ work: TagWork, _ decision: String, _ reason: @autoclosure () -> String) {
        logger.debug("decided", metadata: metadata(work, ["decision": "\(decision)", "because": "\(reason())"]))
    }

    /// Tells of a tag that is kept as it is though upstream's has moved.
    private func drift(of work: TagWork) async -> Bool? {
        guard let cache, !options.isOffline else { return nil }
        let entry = configuration.entries[work.entry]
        let drifted = try? await DriftCheck(entry: entry, cache: cache).hasDrifted(work.tag)
        if drifted == true {
            let advice = "upstream's tag has moved since it was mirrored; 'check_digest: true' would follow it"
            logger.notice("\(advice)", metadata: metadata(work, [:]))
        }
        return drifted
    }

    private func copy(
        _ work: TagWork,
        repositoryIsEmpty: Bool,
        because reason: String
    ) async throws -> SyncReport.Row {
        guard let cache, !options.isDryRun || options.isOffline else {
            return foreseen(work, try await rehearse(work), because: reason)
        }
        // Once the disk fails nothing can be copied; each tag says so without asking a registry.
        try cache.checkUsable()
        let copy = imageCopy(of: work, through: cache, repositoryIsEmpty: repositoryIsEmpty)
        guard !options.isDryRun else {
            return foreseen(work, try await copy.rehearse(), because: reason)
        }
        return try await bringing(work, copy) {
            let outcome = try await copy.run()
            let missing = outcome.missingPlatforms.map { "the image lacks the platform \($0)" }
            var row = row(work, .synced)
            row.warnings = warn(work, missing + outcome.warnings)
            row.digest = outcome.pushed.digest
            row.sourceDigest = outcome.source.digest
            row.referrers = outcome.referrers
            tell(.info, "synced", metadata(work, ["digest": "\(outcome.pushed.digest)"]))
            return row
        }
    }

    private func imageCopy(of work: TagWork, through cache: ContentCache, repositoryIsEmpty: Bool) -> ImageCopy {
        let entry = configuration.entries[work.entry]
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
            source: source(of: entry),
            target: client.repository(entry.target, for: .push),
            cache: cache,
            known: known,
            progress: progress
        )
    }

    /// Copies something of a tag, and counts the bytes whatever becomes of it.
    private func bringing(
        _ work: TagWork,
        _ copy: ImageCopy,
        _ body: () async throws -> SyncReport.Row
    ) async throws -> SyncReport.Row {
        var row: SyncReport.Row
        do {
            row = try await body()
        } catch let error where !error.isCancellation {
            row = failure(of: configuration.entries[work.entry], position: work.entry, tag: work.tag, error: error)
        }
        row.bytes = copy.bytes.total
        return row
    }

    /// Brings what refers to an up-to-date image and came later, or went away, to the target.
    ///
    /// - Returns: `nil` when there is nothing of the kind, or when that cannot be told, which a warning says.
    private func newReferrers(of work: TagWork) async throws -> SyncReport.Row? {
        guard configuration.entries[work.entry].includesReferrers, let cache, !options.isOffline else { return nil }
        let copy = imageCopy(of: work, through: cache, repositoryIsEmpty: false)
        let mirrored: ImageGraph
        do {
            guard let graph = try await copy.mirrored() else { return nil }
            let news = ReferrerNews(copy: copy, graph: graph, tags: try await copy.referrerTags())
            guard try await news.isThere() else { return nil }
            mirrored = graph
        } catch let error where !error.isCancellation {
            let text = "it cannot be told whether something new refers to the image"
            logger.warning("\(text)", metadata: metadata(work, ["error": "\(error)"]))
            return nil
        }
        var row = row(work, .synced)
        row.digest = mirrored.top.descriptor.digest
        row.reason = "referrers new"
        guard !options.isDryRun else { return row }
        return try await bringing(work, copy) {
            let outcome = try await ReferrerCopy(copy: copy, graph: mirrored).run()
            row.warnings = warn(work, outcome.warnings)
            row.referrers = outcome.count
            tell(.info, "synced what refers to the image", metadata(work, ["referrers": "\(outcome.count)"]))
            return row
        }
    }

    private func foreseen(_ work: TagWork, _ graph: ImageGraph, because reason: String) -> SyncReport.Row {
        var row = row(work, .synced)
        row.reason = reason
        row.digest = graph.top.descriptor.digest
        row.sourceDigest = graph.source.digest
        row.plannedBytes = graph.blobs.reduce(0) { $0 + $1.size }
        return row
    }

    /// Reads what a copy would begin with, so that a dry run fails where a run would: a tag that is gone, a source that
    /// is down, no matching platform.
    private func rehearse(_ work: TagWork) async throws -> ImageGraph {
        let entry = configuration.entries[work.entry]
        let source = source(of: entry)
        guard let document = try await source.manifest(.tag(work.tag.source)) else {
            throw source.absence(of: .tag(work.tag.source))
        }
        var walk = ImageWalk(source: source, cache: cache)
        return try await walk.graph(of: document, platforms: entry.platforms)
    }

    private func row(_ work: TagWork, _ status: SyncReport.Status) -> SyncReport.Row {
        SyncReport.Row(
            entry: work.entry,
            route: routes[work.entry],
            sourceTag: work.tag.source,
            targetTag: work.tag.target,
            status: status
        )
    }

    func failure(
        of entry: Configuration.Entry,
        position: Int,
        tag: EntryPlan.Tag?,
        error: any Error
    ) -> SyncReport.Row {
        let reason = String(describing: error)
        var metadata = entry.metadata
        metadata["tag"] = tag.map { "\($0.source)" }
        metadata["error"] = "\(reason)"
        tell(.error, "failed", metadata)
        var row = SyncReport.Row(
            entry: position,
            route: routes[position],
            sourceTag: tag?.source,
            targetTag: tag?.target,
            status: .failed
        )
        row.reason = reason
        row.code = FailureCode(error)
        row.tries = (error as? RegistryError)?.tries
        return row
    }

    /// What became of a tag: somebody who watches sees it elsewhere, and needs no line of the log beside it.
    private func tell(_ level: Logger.Level, _ message: Logger.Message, _ metadata: Logger.Metadata) {
        logger.log(level: options.isWatched ? .debug : level, message, metadata: metadata)
    }

    private func warn(_ work: TagWork, _ warnings: [String]) -> [String] {
        for warning in warnings { logger.warning("\(warning)", metadata: metadata(work, [:])) }
        return warnings
    }

    private func metadata(_ work: TagWork, _ more: Logger.Metadata) -> Logger.Metadata {
        let entry = configuration.entries[work.entry]
        let tags: Logger.Metadata = [
            "source": "\(entry.source):\(work.tag.source)", "target": "\(entry.target):\(work.tag.target)",
        ]
        return tags.merging(more) { _, new in new }
    }
}
