import Logging
import OCI

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
        let name = Ingest.name(descriptor.digest)
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
                guard patience.allowsWaiting(at: status, for: Self.pollInterval) else {
                    throw stalled(LockHolder.process(of: file))
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

    private func stalled(_ holder: Int?) -> CacheError {
        CacheError(
            .locked,
            "download \(descriptor.digest)",
            digest: descriptor.digest,
            "another imglife process\(holder.map { " (\($0))" } ?? "") is downloading it, and stands still; end that "
                + "process, or raise --lock-timeout"
        )
    }
}

/// How long somebody else's standstill is borne.
private struct Patience {
    let limit: Duration
    var waited = Duration.zero
    var status: FileStatus?

    mutating func allowsWaiting(at status: FileStatus, for interval: Duration) -> Bool {
        if self.status.map({ !status.isUnchanged(since: $0) }) ?? true {
            self.status = status
            waited = .zero
        }
        waited += interval
        return waited <= limit
    }
}
