import Logging
import OCI

/// What became of the wish to download a blob.
enum Claim {
    /// Somebody else completed it meanwhile.
    case committed(OpenFile)
    /// It is this process's to complete.
    case partial(Partial)
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
        let name = Partial.name(descriptor.digest)
        var patience = Patience(limit: store.configuration.lockTimeout)
        while true {
            if let file = try directory.blobs.open(descriptor.digest, size: descriptor.size) { return .committed(file) }
            do {
                let file = try Partial.open(name, in: directory.ingest)
                if let claim = try tryClaim(file, name) { return claim }
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

    /// - Returns: `nil` when another process has it, or has just finished with it.
    private func tryClaim(_ file: OpenFile, _ name: String) throws -> Claim? {
        let directory = store.directory
        // The file may have become a blob or been removed between opening and locking it.
        guard case .taken = try FileLock.attempt(on: file, named: name, in: directory.ingest) else { return nil }
        if let blob = try directory.blobs.open(descriptor.digest, size: descriptor.size) {
            try directory.ingest.remove(name)
            file.unlock()
            return .committed(blob)
        }
        try file.setMode(0o600)
        return .partial(Partial(descriptor: descriptor, file: file, name: name, ingest: directory.ingest))
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
