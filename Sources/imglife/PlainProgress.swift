import Sync

/// A line on standard error now and then, for runs that nobody watches on a terminal.
struct PlainProgress: Sendable {
    let progress: SyncProgress
    var interval: Duration = .seconds(10)

    /// Runs the work and tells how far it is meanwhile.
    func showing<Result: Sendable>(_ work: @escaping @Sendable () async throws -> Result) async throws -> Result {
        try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask { try await work() }
            group.addTask {
                while true {
                    try await Task.sleep(for: interval)
                    StandardOutput.writeError(line(progress.snapshot))
                }
            }
            defer { group.cancelAll() }
            while let result = try await group.next() {
                if let result { return result }
            }
            throw CancellationError()
        }
    }

    private func line(_ snapshot: SyncProgress.Snapshot) -> String {
        let failed = snapshot.failedTags > 0 ? ", \(snapshot.failedTags) failed" : ""
        return "\(snapshot.finishedTags) of \(snapshot.tags) tags\(failed), \(ByteCount(snapshot.bytes)) transferred, "
            + "\(snapshot.transfers.count) under way\n"
    }
}
