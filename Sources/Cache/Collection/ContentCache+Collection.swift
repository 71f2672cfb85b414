import Glibc
import Logging
import OCI

extension ContentCache {
    private static let sweepSize = 10_000

    /// Removes what nothing needs, and the least recently used images where the cache is too large.
    ///
    /// Tags, leases of living scopes and downloads under way are kept with all that they need, and so is what was used
    /// within the grace. Other processes may use the cache meanwhile: each blob's case is decided again, under its
    /// lock, right before it is removed. Stopped at any point it can be run again. `index.json` follows.
    ///
    /// - Returns: what was removed; in a dry run what would be.
    /// - Throws: ``CacheError``; `CancellationError`, between two blobs.
    package func collect(_ options: CollectionOptions = CollectionOptions()) async throws -> CollectionReport {
        if !options.isForced, !options.isDryRun { try await recovery.checkNames() }
        let cutoff = configuration.now() - options.grace.components.seconds
        let (plan, partials) = try await blocking { [self] in
            if !options.isDryRun { try removeDeadLeases() }
            let strays = try strayFiles()
            let plan = try index.read { try CollectionPlan($0, strays: strays, cutoff: cutoff, options) }
            return (plan, try removeOldPartials(isDryRun: options.isDryRun))
        }
        var report = CollectionReport()
        report.partials = partials.count
        report.partialBytes = partials.reduce(0, +)
        if options.isDryRun {
            try await foresee(plan, &report)
        } else {
            try await sweep(plan.strays.map(\.node), cutoff, &report)
            try await sweepGarbage(cutoff, &report)
            try await evict(plan.evictions, cutoff, &report)
            if !report.evictedTags.isEmpty { try await writeLayout() }
            report.remainingBytes = plan.totalBytes - report.bytes
        }
        return report
    }

    /// Counts what a plan would remove.
    private func foresee(_ plan: CollectionPlan, _ report: inout CollectionReport) async throws {
        report.blobs = plan.garbage.blobs + plan.evicted.blobs
        report.bytes = plan.garbage.bytes + plan.evicted.bytes
        report.evictedTags = try await blocking { [index] in
            try index.read { db in try plan.evictions.flatMap { try $0.references(db) } }
        }
        report.remainingBytes = plan.remainingBytes
    }

    /// Removes what nothing keeps, so much at a time that a list of it is small.
    private func sweepGarbage(_ cutoff: Int64, _ report: inout CollectionReport) async throws {
        while true {
            let garbage = try await blocking { [index] in
                try index.garbage(limit: Self.sweepSize, cutoff: cutoff)
            }
            let earlier = report.blobs
            try await sweep(garbage, cutoff, &report)
            // What could not be removed would be listed again.
            guard garbage.count >= Self.sweepSize, report.blobs > earlier else { return }
        }
    }

    private func evict(
        _ evictions: [EvictionCandidate],
        _ cutoff: Int64,
        _ report: inout CollectionReport
    ) async throws {
        for eviction in evictions {
            try Task.checkCancellation()
            let (names, blobs) = try await blocking { [index, now = configuration.now] in
                let names = try index.evict(eviction, at: now())
                return (names, names.isEmpty ? [] : try index.garbage(from: eviction, cutoff: cutoff))
            }
            report.evictedTags += names
            try await sweep(blobs, cutoff, &report)
        }
    }

    private func sweep(
        _ blobs: [ReferenceGraph.Node],
        _ cutoff: Int64,
        _ report: inout CollectionReport
    ) async throws {
        for blob in blobs {
            try Task.checkCancellation()
            guard try await remove(blob, cutoff: cutoff) else { continue }
            report.blobs += 1
            report.bytes += blob.size
        }
    }

    /// Removes one blob: first its row says so, then the file goes, then the row.
    ///
    /// - Returns: whether it was removed; not when something needs it after all.
    private func remove(_ blob: ReferenceGraph.Node, cutoff: Int64) async throws -> Bool {
        let lock = try await locks.acquire(StoreLocks.shard(blob.digest), .exclusive)
        defer { lock.unlock() }
        return try await blocking { [self] in
            try withIdleFile(of: blob.digest) {
                guard try index.beginDeletion(blob, cutoff: cutoff) else { return false }
                try unlink(blob.digest)
                try index.write { try $0.blobs.finishDeletion(blob.digest) }
                return true
            } ?? false
        }
    }

    private func unlink(_ digest: Digest) throws(CacheError) {
        let blobs = directory.blobs(digest.algorithm)
        do throws(SystemError) {
            try blobs.remove(digest.hex)
        } catch {
            throw CacheError(error, "remove", path: "\(blobs.path)/\(digest.hex)", digest: digest)
        }
    }

    /// Runs `body` while nobody downloads a digest or has just renamed its file without recording it yet.
    ///
    /// Only with the lock of the digest's shard. Whoever downloads holds the lock of the file itself from its beginning
    /// in `ingest/` until the row is durable, and keeps it through the renaming.
    ///
    /// - Returns: `nil` when somebody does.
    func withIdleFile<R>(of digest: Digest, _ body: () throws -> R) throws -> R? {
        do {
            guard let partial = try lockUnlessBusy(Partial.name(digest), in: directory.ingest) else { return nil }
            defer { partial.file?.unlock() }
            guard let blob = try lockUnlessBusy(digest.hex, in: directory.blobs(digest.algorithm)) else { return nil }
            defer { blob.file?.unlock() }
            return try body()
        } catch let error as SystemError {
            throw CacheError(error, "remove \(digest)", path: directory.path, digest: digest)
        }
    }

    /// - Returns: `nil` when another has the lock; without a file when there is none.
    private func lockUnlessBusy(_ name: String, in directory: Directory) throws(SystemError) -> Locked? {
        do throws(SystemError) {
            let file = try directory.openFile(name, flags: O_RDONLY)
            return try file.tryLock(.exclusive) ? Locked(file: file) : nil
        } catch {
            guard error.code == ENOENT else { throw error }
            return Locked(file: nil)
        }
    }
}

private struct Locked {
    let file: OpenFile?
}
