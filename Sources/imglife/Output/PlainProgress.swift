import Logging
import OCI
import Sync

/// A line now and then, for runs that nobody watches on a terminal.
struct PlainProgress: Sendable {
    let progress: SyncProgress
    /// As the log lines that it stands between.
    var format = GlobalOptions.LogFormat.text
    var interval: Duration = .seconds(10)
    var clock: any Clock<Duration> = ContinuousClock()
    /// Tells whom the run waits for at the moment.
    var wait: @Sendable () -> WaitingHosts.Wait? = { nil }
    /// Takes one line, which ends in a line feed and holds no other control character.
    var tell: @Sendable (String) -> Void = { StandardOutput.writeError($0) }

    /// Runs the work and tells how far it is meanwhile.
    func showing<Result>(_ work: () async throws -> Result) async throws -> Result {
        async let _ = report(clock)
        return try await work()
    }

    /// Silent as long as nothing changes.
    private func report(_ clock: some Clock<Duration>) async {
        var last = (figures: figures(SyncProgress.Snapshot.atStart), host: String?.none)
        while (try? await clock.sleep(for: interval)) != nil {
            let snapshot = progress.snapshot
            let wait = wait()
            let now = (figures: figures(snapshot), host: wait?.host)
            if now != last { tell(line(snapshot, wait)) }
            last = now
        }
    }

    private func figures(_ snapshot: SyncProgress.Snapshot) -> [Int64] {
        let counts = [snapshot.tags, snapshot.finishedTags, snapshot.failedTags, snapshot.transfers.count]
        return [snapshot.bytes] + counts.map(Int64.init)
    }

    private func line(_ snapshot: SyncProgress.Snapshot, _ wait: WaitingHosts.Wait?) -> String {
        switch format {
        case .text:
            let failed = snapshot.failedTags > 0 ? ", \(snapshot.failedTags) failed" : ""
            return "\(snapshot.finishedTags) of \(snapshot.tags) tags\(failed), "
                + "\(ByteCount(snapshot.bytes)) transferred, \(snapshot.transfers.count) under way"
                + (wait.map { ", \($0)" } ?? "") + "\n"
        case .json:
            return LogOutput.jsonLine(
                .info,
                "progress",
                [
                    ("tags", "\(snapshot.tags)"), ("finished", "\(snapshot.finishedTags)"),
                    ("failed", "\(snapshot.failedTags)"), ("bytes", "\(snapshot.bytes)"),
                    ("transfers", "\(snapshot.transfers.count)"),
                ] + (wait.map { [("waiting", JSONText.quoted("\($0)"))] } ?? [])
            )
        }
    }
}

extension SyncProgress.Snapshot {
    fileprivate static var atStart: SyncProgress.Snapshot { SyncProgress().snapshot }
}
