import OCI

/// Removes what nothing needs, and what makes room.
///
/// How a collection decides: what nothing keeps goes (``Garbage``, by the one model of ``References``), then, where the cache
/// is larger than its ``Quota``, images that nothing but their names keeps, the least recently used first
/// (``EvictionPlan``). A dry run goes through the same walks and counts; otherwise what they find is removed batch by
/// batch, and decided again when it is (``Sweep``).
package struct Collector: Sendable {
    let store: Store

    /// Removes what nothing needs, and the least recently used images where the cache is too large.
    ///
    /// Tags, leases of living scopes and downloads under way are kept with all that they need, and so is what was used
    /// within the grace. Other processes may use the cache meanwhile. Stopped at any point it can be run again. What cannot be
    /// removed keeps nothing else from going. `index.json` follows.
    ///
    /// - Returns: what was removed; in a dry run what would be.
    /// - Throws: ``CacheError``; `CancellationError`, between two batches.
    package func collect(_ options: CollectionOptions = CollectionOptions()) async throws -> CollectionReport {
        let before = store.leftovers.count
        var report = try await Reclaiming.forbidding { try await store.ballast.use { try await run(options) } }
        report.refusal = store.leftovers.reason(since: before)?.description
        return report
    }

    private func run(_ options: CollectionOptions) async throws -> CollectionReport {
        let recovery = Recovery(store: store)
        if !options.isForced, !options.isDryRun { try await recovery.checkNames() }
        var report = CollectionReport()
        // First, as on a full disk it makes the room in which the index can be written.
        let partials = try await blocking { [store] in
            try OldIngests(store: store).remove(within: options.grace, isDryRun: options.isDryRun)
        }
        let evidence = try await removeEvidence(options)
        // What others have entered since is kept, and what they have rewritten is ours again, before anything is decided.
        let layout = ImageLayout(store: store)
        if !options.isDryRun {
            try await layout.takeUp()
            try await FutureTimes(store: store).mend()
            try await recovery.settleNames()
        }
        try await FulfilledSets(store: store).release()
        let spared = options.isDryRun ? try await layout.foreignContents() : []
        var work = Work(store: store, options: options, spared: spared)
        let settled = options.isDryRun ? CollectionTally() : try await work.tidy()
        report.partials = partials.count
        report.partialBytes = partials.reduce(0, +)
        (report.quarantined, report.quarantinedBytes) = (evidence.blobs, evidence.bytes)
        let files = try await work.orphans.all()
        let recorded = try await store.index.read { try $0.blobs.totalBytes() }
        let total = files.reduce(recorded) { $0 + $1.size }
        var removed =
            options.isDryRun
            ? try await work.count(files, total, &report) : try await work.sweep(files, total, &report)
        if !options.isDryRun {
            try await ImageBytes(index: store.index).sumUnknown()
            removed += try await work.follow(layout, removed, report)
        }
        if options.isForced, !options.isDryRun { try await recovery.giveUpNames() }
        report.blobs = settled.blobs + removed.blobs
        report.bytes = settled.bytes + removed.bytes
        report.remainingBytes = total - removed.bytes
        return report
    }

    /// Removes damaged files that were put aside as soon as their room is wanted.
    private func removeEvidence(_ options: CollectionOptions) async throws -> CollectionTally {
        let evidence = Evidence(store.directory, store.leftovers)
        let oldCopies = options.grace <= .zero
        let found = try await blocking { try evidence.remove(oldCopies: oldCopies, isDryRun: true) }
        guard found.blobs > 0, try await isWanted(found.bytes, options) else { return CollectionTally() }
        return try await blocking { try evidence.remove(oldCopies: oldCopies, isDryRun: options.isDryRun) }
    }

    /// Whether somebody wants the room that so many bytes take beside the blobs.
    private func isWanted(_ bytes: Int64, _ options: CollectionOptions) async throws -> Bool {
        if options.grace <= .zero || FreeSpace(store: store).isLacking { return true }
        guard let limit = options.maximumSize else { return false }
        let used = try await store.index.read { try $0.blobs.totalBytes() + $0.leases.reservedBytes() }
        return Quota(limit).isExceeded(by: used + bytes)
    }

    /// One collection.
    fileprivate struct Work {
        let store: Store
        let options: CollectionOptions
        let recent: RecentUse
        let protection: References.Protection
        var sweep: Sweep
        let orphans: Orphans
        /// What a dry run leaves out, as a collection would.
        let spared: Set<Digest>

        init(store: Store, options: CollectionOptions, spared: Set<Digest>) {
            self.store = store
            self.spared = spared
            self.options = options
            recent = RecentUse(within: options.grace, now: store.now)
            protection = .collecting(recent)
            sweep = Sweep(store: store, protection: protection)
            orphans = Orphans(store: store, protection: protection, recent: recent, spared: spared)
        }
    }
}

extension Collector.Work {
    /// Takes what processes that died left behind out of the way.
    ///
    /// - Returns: what of it was removed.
    func tidy() async throws -> CollectionTally {
        try await blocking { [store] in try Tidying(store: store).removeDeadLeases() }
        return try await sweep.settle()
    }

    /// Counts what would go, and names the images that would make room.
    func count(
        _ files: [StoredFile],
        _ total: Int64,
        _ report: inout CollectionReport
    ) async throws -> CollectionTally {
        let (kept, lone) = try await orphans.judge(files)
        // A collection would adopt what is kept, and then keep what that consists of.
        let spared = spared.union(try await orphans.contents(of: kept))
        var removed = CollectionTally()
        for file in lone where !spared.contains(file.digest) { removed.count(file.size) }
        let start = (garbage: Garbage(protection), tally: CollectionTally())
        let found = try await store.index.readPages(start) { state, db, page in
            var tally = state.tally
            defer { state.tally = tally }
            return try state.garbage.run(db, page) { if !spared.contains($0.digest) { tally.count($0.size) } }
        }
        removed += found.tally
        let plan = try await evictions(used: total - removed.bytes, after: found.garbage.remainder)
        removed += plan.freed
        report.evictedTags = try await names(of: plan.evictions.flatMap(\.digests))
        return removed
    }

    private func names(of images: [Digest]) async throws -> [ImageReference] {
        try await store.index.readPages((position: 0, found: [ImageReference]())) { state, db, page in
            while state.position < images.count, !page.isOver {
                state.found += try NamesOf.manifest(db, images[state.position])
                state.position += 1
            }
            return state.position == images.count
        }.found
    }

    /// Removes garbage, and then what makes room.
    mutating func sweep(
        _ files: [StoredFile],
        _ total: Int64,
        _ report: inout CollectionReport
    ) async throws -> CollectionTally {
        let (garbage, busy) = try await orphans.adoptKept(among: files)
        // Only now: what a list is about may have had no row.
        try await ReferrerLists(store: store).forgetNeedless()
        sweep.spared = busy
        var removed = try await sweep.remove(garbage)
        removed += try await sweepGarbage()
        let plan = try await evictions(used: total - removed.bytes, after: Release(protection))
        for start in stride(from: 0, to: plan.evictions.count, by: Self.evictionBatch) {
            let end = min(start + Self.evictionBatch, plan.evictions.count)
            removed += try await evict(Array(plan.evictions[start..<end]), &report)
        }
        return removed
    }

    /// Writes `index.json` again where something of it went, and removes what it listed of images that are gone.
    ///
    /// - Returns: what of that was removed.
    func follow(
        _ layout: ImageLayout,
        _ removed: CollectionTally,
        _ report: CollectionReport
    ) async throws -> CollectionTally {
        if !report.evictedTags.isEmpty {
            try await layout.write()
        } else if removed.blobs > 0 {
            try await layout.updateReferrers()
        } else {
            return CollectionTally()
        }
        return try await sweepGarbage()
    }

    /// Evictions that are made together.
    private static let evictionBatch = 50
    /// Blobs that are listed before they are removed.
    private static let listSize = Sweep.size

    /// Lists some of what nothing keeps and removes it, until there is no more.
    private func sweepGarbage() async throws -> CollectionTally {
        var removed = CollectionTally()
        var garbage = Garbage(protection)
        var isDone = false
        while !isDone {
            let start = (garbage: garbage, found: [Sweep.Candidate](), isDone: false)
            let state = try await store.index.readPages(start) { state, db, page in
                var found = state.found
                defer { state.found = found }
                state.isDone = try state.garbage.run(db, page, isEnough: { found.count >= Self.listSize }) {
                    found.append(Sweep.Candidate($0))
                }
                return state.isDone || found.count >= Self.listSize
            }
            removed += try await sweep.remove(state.found)
            garbage = state.garbage
            garbage.forgetVisited()
            isDone = state.isDone
        }
        return removed
    }

    /// What makes room where the limit asks for it.
    private func evictions(used: Int64, after release: Release) async throws -> EvictionPlan {
        let nothing = EvictionPlan([], after: release, excess: 0)
        guard let limit = options.maximumSize else { return nothing }
        let quota = Quota(limit)
        let reserved = try await store.index.read { try $0.leases.reservedBytes() }
        guard quota.isExceeded(by: used + reserved) else { return nothing }
        let index = store.index
        let all = EvictionCandidates(besides: recent, pins: options.pins)
        let candidates = try await index.readPages(all) { try $0.run($1, $2) }.sorted
        let plan = EvictionPlan(candidates, after: release, excess: used + reserved - quota.target)
        return try await index.readPages(plan) { try $0.run($1, $2) }
    }

    /// Takes the names of some images away and removes what nothing keeps then.
    private func evict(
        _ evictions: [Eviction],
        _ report: inout CollectionReport
    ) async throws -> CollectionTally {
        try Task.checkCancellation()
        let (names, unnamed) = try await store.index.write { [protection, now = store.now] db in
            var search = KeeperSearch(protection)
            var result = (names: [ImageReference](), unnamed: [Digest]())
            for eviction in evictions {
                let names = try eviction.unname(db, &search, at: now)
                result.names += names
                if !names.isEmpty { result.unnamed += eviction.digests }
            }
            return result
        }
        report.evictedTags += names
        return try await sweep.remove(try await garbage(from: unnamed))
    }

    /// What nothing keeps now of images that have lost their names, and of what they kept.
    private func garbage(from images: [Digest]) async throws -> [Sweep.Candidate] {
        let start = (release: Release(protection), position: 0, found: [Sweep.Candidate](), taken: Set<Digest>())
        return try await store.index.readPages(start) { state, db, page in
            var (found, taken) = (state.found, state.taken)
            defer { (state.found, state.taken) = (found, taken) }
            let visit = { (blob: References.Blob) in
                found.append(Sweep.Candidate(blob))
                if blob.keeps { taken.insert(blob.digest) }
            }
            while try state.release.run(db, page, visit), !page.isOver {
                guard state.position < images.count else { return true }
                // One may be the child of another.
                let image = images[state.position]
                if !taken.contains(image) { try state.release.takeUnkept(db, image) }
                state.position += 1
            }
            return false
        }.found
    }
}

extension Sweep.Candidate {
    init(_ blob: References.Blob) {
        self.init(digest: blob.digest, size: blob.size, lastUse: blob.lastUse)
    }
}
