import OCI
import Sync

/// A line now and then, for runs that nobody watches on a terminal.
struct PlainProgress: Sendable {
    let progress: SyncProgress
    var interval: Duration = .seconds(10)
    var clock: any Clock<Duration> = ContinuousClock()
    /// Takes one line, which ends in a line feed and holds no other control character.
    var tell: @Sendable (String) -> Void = { StandardOutput.writeError($0) }

    /// Runs the work and tells how far it is meanwhile.
    func showing<Result>(_ work: () async throws -> Result) async throws -> Result {
        async let _ = report(clock)
        return try await work()
    }

    /// Silent as long as nothing changes.
    private func report(_ clock: some Clock<Duration>) async {
        var last = line(SyncProgress.Snapshot.atStart)
        while (try? await clock.sleep(for: interval)) != nil {
            let line = line(progress.snapshot)
            if line != last { tell(line) }
            last = line
        }
    }

    private func line(_ snapshot: SyncProgress.Snapshot) -> String {
        let failed = snapshot.failedTags > 0 ? ", \(snapshot.failedTags) failed" : ""
        return "\(snapshot.finishedTags) of \(snapshot.tags) tags\(failed), \(ByteCount(snapshot.bytes)) transferred, "
            + "\(snapshot.transfers.count) under way\n"
    }
}

extension SyncProgress.Snapshot {
    fileprivate static var atStart: SyncProgress.Snapshot { SyncProgress().snapshot }
}
