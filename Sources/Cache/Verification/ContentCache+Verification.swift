import Glibc
import OCI
import Synchronization

extension ContentCache {
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
        let now = configuration.now()
        let (all, start) = try await blocking { [directory, index] in
            (try directory.storedFiles(), options.startsOver ? nil : try index.interruptedVerification(options.subset))
        }
        let chosen = all.filter { file in options.subset?.contains(file.digest) ?? true }
        let files = try await blocking { [index] in
            try (start.map { try index.unverified(chosen, since: $0, now) } ?? chosen).sorted { $0.size > $1.size }
        }
        progress.update {
            $0.totalBlobs = files.count
            $0.totalBytes = files.reduce(0) { $0 + $1.size }
        }
        let lanes = VerificationLanes(files, duration: options.maximumDuration)
        let faults = Faults()
        try await lanes.run(
            judge: { try self.judge($0, $1, faults, progress) },
            open: { [directory] in try directory.openBlob($0, size: nil) },
            record: { [index, configuration, isReadOnly] batch in
                guard !isReadOnly else { return }
                try Self.unlessFull {
                    try index.record(verified: batch, since: start ?? now, options.subset, configuration.now())
                }
            }
        )
        var report = VerificationReport()
        report.blobs = progress.snapshot.blobs
        report.bytes = progress.snapshot.bytes
        report.skipped = chosen.count - files.count
        if lanes.isFailing { report.stop = .failingDisk } else if lanes.begun < files.count { report.stop = .duration }
        report.findings = try await findings(faults.all, all, options.subset, isComplete: report.stop == nil)
        return report
    }

    /// Notes what another verification finds out again: on a full disk nothing is lost without it.
    private static func unlessFull(_ body: () throws -> Void) throws {
        do {
            try body()
        } catch let error as CacheError where error.kind == .diskFull {}
    }

    /// What the lanes found.
    private final class Faults: Sendable {
        private let found = Mutex<[Digest: VerificationReport.Fault]>([:])

        var all: [Digest: VerificationReport.Fault] { found.withLock { $0 } }

        func add(_ digest: Digest, _ fault: VerificationReport.Fault) { found.withLock { $0[digest] = fault } }
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
            // What cannot be put aside would be taken for there by whoever repairs: then this fails.
            try Quarantine(store: store).putAsideWaiting(hashed.file, stored.digest)
            faults.add(stored.digest, fault)
        }
        progress.update {
            $0.blobs += 1
            $0.bytes += hashed.length
            if fault != nil { $0.bad += 1 }
        }
        return fault.map { .bad($0) } ?? .good
    }

    /// Adds what is missing, and says of everything which tags need it.
    private func findings(
        _ faults: [Digest: VerificationReport.Fault],
        _ files: [StoredFile],
        _ subset: VerificationOptions.Subset?,
        isComplete: Bool
    ) async throws -> [VerificationReport.Finding] {
        try await blocking { [index, directory, isReadOnly] in
            var faults = faults
            if isComplete, !isReadOnly { try Self.unlessFull { try index.forgetVerification(subset) } }
            let missing = try index.blobsWithout(files: files)
            for digest in missing where faults[digest] == nil && subset?.contains(digest) ?? true {
                // It may have come since the files were listed.
                if try directory.openBlob(digest, size: nil) == nil { faults[digest] = .missing }
            }
            // One that was downloaded again meanwhile is right.
            let bad = faults.keys.sorted()
            let gone = try bad.filter { try directory.openBlob($0, size: nil) == nil }
            if !isReadOnly { try Self.unlessFull { try index.write { try $0.blobs.markMissing(gone, in: directory) } } }
            return try bad.map { digest in
                .init(digest: digest, fault: faults[digest] ?? .missing, affected: try index.tags(needing: digest))
            }
        }
    }
}
