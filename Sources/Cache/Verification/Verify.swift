import Logging
import OCI
import Synchronization

/// Hashes what the cache holds again, and knows where what is bad or missing can be had.
package struct Verifier: Sendable {
    let store: Store

    /// Hashes blobs again; what is wrong is put aside, so that the next run downloads it again.
    ///
    /// The largest first, at the disk's or the processors' speed. Interrupted, or out of time, it is continued by the next
    /// one with the same subset, which leaves out what was right. Safe beside other processes: what they remove meanwhile
    /// is not reported. A bad blob that was put aside is told as missing by later calls, until it is
    /// downloaded again or a collection forgets it.
    ///
    /// - Throws: ``CacheError``; `CancellationError`.
    package func verify(
        _ options: VerificationOptions = VerificationOptions(),
        progress: VerificationProgress = VerificationProgress()
    ) async throws -> VerificationReport {
        try await adoptKept()
        let now = store.now
        let place = VerificationPlace(index: store.index, subset: options.subset)
        let (all, start) = try await blocking { [directory = store.directory] in
            (try directory.blobs.all(), options.startsOver ? nil : try place.start(before: now))
        }
        let chosen = all.filter { file in options.subset?.contains(file.digest) ?? true }
        var files = chosen
        if let start { files = try await place.unverified(chosen, since: start, now) }
        files.sort { $0.size > $1.size }
        progress.update { [files] in
            $0.totalBlobs = files.count
            $0.totalBytes = files.reduce(0) { $0 + $1.size }
        }
        let lanes = VerificationLanes(files, duration: options.maximumDuration)
        let faults = Faults()
        try await lanes.run(
            judge: { try judge($0, $1, faults, progress) },
            open: { [blobs = store.directory.blobs] in try blobs.open($0) },
            record: { [store] batch in
                guard !store.isReadOnly else { return }
                try Self.ifPossible { try place.record(verified: batch, since: start ?? now, store.now) }
            }
        )
        var report = VerificationReport()
        report.blobs = progress.snapshot.blobs
        report.bytes = progress.snapshot.bytes
        report.skipped = chosen.count - files.count
        if lanes.isFailing { report.stop = .failingDisk } else if lanes.begun < files.count { report.stop = .duration }
        if report.stop == nil, !store.isReadOnly { try await blocking { try Self.ifPossible { try place.forget() } } }
        report.findings = try await findings(faults.all, all, options.subset)
        return report
    }

    /// Gives rows to what names need: by these it is known what is missing.
    private func adoptKept() async throws {
        guard !store.isReadOnly else { return }
        let orphans = Orphans(store: store, protection: .lasting)
        do {
            _ = try await orphans.adoptKept(among: orphans.all())
        } catch let error as CacheError where error.isOfPlaceOrTurn {}
    }

    /// Notes what another verification finds out again: nothing is lost without it.
    private static func ifPossible(_ body: () throws -> Void) throws {
        do {
            try body()
        } catch let error as CacheError where error.isOfPlaceOrTurn {}
    }

    /// What is wrong with a blob, and whether its file is out of the way.
    private struct Verdict {
        let fault: VerificationReport.Fault
        var isInPlace = false
    }

    /// What the lanes found.
    private final class Faults: Sendable {
        private let found = Mutex<[Digest: Verdict]>([:])

        var all: [Digest: Verdict] { found.withLock { $0 } }

        func add(_ digest: Digest, _ verdict: Verdict) { found.withLock { $0[digest] = verdict } }
    }

    private func judge(
        _ stored: StoredFile,
        _ hashed: VerificationLanes.Hashed?,
        _ faults: Faults,
        _ progress: VerificationProgress
    ) throws -> VerificationLanes.Outcome {
        guard let hashed else { return .gone }
        let fault: VerificationReport.Fault? =
            if let digest = hashed.digest {
                digest == stored.digest ? nil : .damaged
            } else {
                .unreadable
            }
        if let fault {
            faults.add(stored.digest, Verdict(fault: fault, isInPlace: try !putAside(hashed.file, stored.digest)))
        }
        progress.update {
            $0.blobs += 1
            $0.bytes += hashed.length
            if fault != nil { $0.bad += 1 }
        }
        return fault.map { .bad($0) } ?? .good
    }

    /// - Returns: whether it is out of the way: else it would be taken for there by whoever repairs.
    private func putAside(_ file: OpenFile, _ digest: Digest) throws -> Bool {
        do {
            return try Quarantine(store: store).putAsideWaiting(file, digest) != .kept
        } catch let error as CacheError where error.isOfPlaceOrTurn {
            store.configuration.logger.warning(
                "a damaged blob could not be put aside",
                metadata: ["digest": "\(digest)", "error": "\(error)"]
            )
            return false
        }
    }

    /// Adds what is missing, and says of everything which tags need it.
    private func findings(
        _ faults: [Digest: Verdict],
        _ files: [StoredFile],
        _ subset: VerificationOptions.Subset?
    ) async throws -> [VerificationReport.Finding] {
        var faults = faults
        for digest in try await blobsWithout(files: files)
        where faults[digest] == nil && subset?.contains(digest) ?? true {
            faults[digest] = try await lookAgain(for: digest)
        }
        if !store.isReadOnly { try await noteMissing(faults.keys.sorted()) }
        var findings: [VerificationReport.Finding] = []
        for (digest, verdict) in faults.sorted(by: { $0.key < $1.key }) {
            let affected = try await tags(needing: digest)
            findings.append(
                .init(digest: digest, fault: verdict.fault, affected: affected, isInPlace: verdict.isInPlace)
            )
        }
        return findings
    }

    /// - Returns: `nil` where it has come since the files were listed.
    private func lookAgain(for digest: Digest) async throws -> Verdict? {
        do {
            let wasForeign = try await Quarantine(store: store).clearPlace(of: digest)
            let isHere = try await blocking { [blobs = store.directory.blobs] in try blobs.status(of: digest) }
            return isHere?.isRegular == true ? nil : Verdict(fault: wasForeign ? .damaged : .missing)
        } catch let error as CacheError where error.isOfPlaceOrTurn {
            return Verdict(fault: .damaged, isInPlace: true)
        }
    }

    /// Notes which blobs have no file, decided while nobody can bring one; one that was downloaded again is right.
    private func noteMissing(_ bad: [Digest]) async throws {
        for (shard, digests) in Dictionary(grouping: bad, by: StoreLocks.shard) {
            do {
                try await store.locks.holding(shard) {
                    try await blocking { [store] in
                        let gone = try digests.filter { try store.directory.blobs.status(of: $0)?.isRegular != true }
                        try store.index.write { try $0.blobs.markMissing(gone, in: store.directory.blobs) }
                    }
                }
            } catch let error as CacheError where error.isOfPlaceOrTurn {}
        }
    }
}

extension CacheError {
    /// Whether there was no room, or somebody else was at it for too long: what was found is to be told all the same.
    fileprivate var isOfPlaceOrTurn: Bool { kind == .diskFull || kind == .locked }
}
