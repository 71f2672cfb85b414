import Concurrency
import Glibc
import Logging
import OCI

/// One download that has its turn, to its commit: claimed, reserved, fetched and verified, committed, or given back.
struct Ingestion: Sendable {
    let download: Download
    let store: Store
    let counters: DownloadCounters
    /// The memory for all downloads.
    let lanes: LaneBudget
    /// Whether somebody else's source is worth a try in the place of the download's own.
    let isOutpaced: @Sendable (Pace) -> Bool

    var descriptor: Descriptor { download.descriptor }

    /// Brings one blob into the cache; room is made for one that does not fit.
    func run() async throws {
        var isAgain = false
        try await Reclaiming.retrying {
            if isAgain, !download.state.view.isVerified { download.state.restart() }
            isAgain = true
            try await store.withDescriptors { try await once() }
        }
    }

    private func once() async throws {
        while true {
            try store.health.check()
            switch try await claim() {
            case .committed(let file):
                // Somebody else's work is only done with its row, and it may have been killed before that.
                guard try await store.blobs.adopt([descriptor]).contains(descriptor.digest) else { continue }
                return download.state.commit(file, size: descriptor.size)
            case .partial(let partial):
                defer { partial.giveBack() }
                try await givingSigns(of: partial.file) { try await complete(partial) }
                counters.count { $0.downloads += 1 }
                return download.state.commit(partial.file, size: descriptor.size)
            }
        }
    }

    private func complete(_ partial: Ingest) async throws {
        try await Reservation(store: store, descriptor: descriptor, partial: partial).hold {
            try await Resumption(partial: partial, download: download, store: store, counters: counters, lanes: lanes)
                .fetch()
            do {
                try await store.commits.commit(PendingCommit(descriptor, partial, origin: download.source.origin))
            } catch let error as CacheError {
                if !error.isOfFailingDisk, partial.isHere { download.state.verified() }
                throw error
            }
        }
    }

    /// Shows other processes that this one works on a file, from its claim to its row: also while a registry tells it to
    /// wait, and while the disk takes its time over an fsync.
    ///
    /// - Throws: ``Pace/Outpaced``; what `body` throws.
    private func givingSigns(of file: OpenFile, _ body: @escaping @Sendable () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Ending.self) { group in
            group.addTask {
                try await body()
                return .done
            }
            group.addTask { await giveSigns(of: file) }
            let ending = try await group.next()
            group.cancelAll()
            // It may have come to its end meanwhile.
            guard ending != .done, case .failure(let error)? = await group.nextResult() else { return }
            if case .outpaced(let pace) = ending { throw Pace.Outpaced(pace: pace) }
            throw error
        }
    }

    private enum Ending: Equatable {
        case done
        case outpaced(Pace)
        case cancelled
    }

    /// Until the task is cancelled, or somebody else's source is worth a try.
    private func giveSigns(of file: OpenFile) async -> Ending {
        var pace = Pace()
        while (try? await store.configuration.pulse.sleep(for: Patience.signInterval)) != nil {
            file.touch()
            pace.look(at: download.state.view)
            if pace.seconds > 0, isOutpaced(pace) { return .outpaced(pace) }
        }
        return .cancelled
    }
}

/// What became of the wish to download a blob.
enum Claim {
    /// Somebody else completed it meanwhile.
    case committed(OpenFile)
    /// It is this process's to complete.
    case partial(Ingest)
}

extension Ingestion {
    /// How often a file of another process is looked at.
    static let pollInterval = Duration.milliseconds(100)

    /// Takes over a digest's partial, or waits while another process downloads it, showing its progress.
    ///
    /// One that waits itself, because a registry told it to, is waited for as long as it lives.
    ///
    /// - Throws: ``CacheError`` (`locked`) when the other process gives no sign of life for the lock timeout.
    func claim() async throws -> Claim {
        let directory = store.directory
        let name = download.ingestName
        var patience = Patience(limit: store.configuration.lockTimeout)
        while true {
            if let file = try directory.blobs.open(descriptor.digest, size: descriptor.size) { return .committed(file) }
            do {
                let file: OpenFile
                switch try Ingest.acquire(name, in: store) {
                case .taken(let ingest): return try claim(ingest)
                // It may have become a blob or been removed between opening and locking it.
                case .busy(let other), .moved(let other): file = other
                }
                let status = try file.status()
                download.state.observe(file, length: status.size)
                guard patience.allowsWaiting(at: status.version, for: Self.pollInterval) else {
                    throw stalled(LockHolder.of(file))
                }
            } catch let error as SystemError {
                throw CacheError(error, "open the partial download", path: "\(directory.ingest.path)/\(name)")
            }
            try await store.configuration.clock.sleep(for: Self.pollInterval)
        }
    }

    /// It may have become a blob just before.
    private func claim(_ ingest: Ingest) throws -> Claim {
        if let blob = try store.directory.blobs.open(descriptor.digest, size: descriptor.size) {
            ingest.discard()
            return .committed(blob)
        }
        try ingest.file.setMode(0o600)
        return .partial(ingest)
    }

    private func stalled(_ holder: LockHolder?) -> CacheError {
        CacheError(
            .locked,
            "download \(descriptor.digest)",
            digest: descriptor.digest,
            "another imglife process\(holder.map { " (\($0))" } ?? "") is downloading it, and stands still; end that "
                + "process, or raise --lock-timeout"
        )
    }
}
