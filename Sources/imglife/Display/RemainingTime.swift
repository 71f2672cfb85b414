import Sync

/// How long a run will go on, where that can be told.
enum RemainingTime {
    /// A run shorter than this needs no estimate, and gives no ground for one.
    private static let minimumElapsed: Duration = .seconds(5)
    /// Whoever waits longer than four days does not wait.
    private static let maximum: Duration = .seconds(4 * 86_400)

    /// The longer of two guesses: the tags left at the pace of those that ended, and the bytes left of what is under
    /// way at the present rate.
    ///
    /// The rate is in bytes a second.
    ///
    /// - Returns: `nil` when nothing is left, entries are still being listed, or neither guess has a ground.
    static func estimate(
        _ snapshot: SyncProgress.Snapshot,
        elapsed: Duration,
        rate: Double?
    ) -> Duration? {
        let left = snapshot.tags - snapshot.finishedTags
        guard snapshot.pendingEntries <= 0, left > 0, elapsed >= minimumElapsed else { return nil }
        let byBytes = secondsOfTransfers(snapshot, rate: rate)
        let seconds: Double
        if snapshot.finishedTags > 0 {
            let byTags = (elapsed / .seconds(1)) / Double(snapshot.finishedTags) * Double(left)
            seconds = max(byTags, byBytes ?? 0)
        } else if left == 1, let byBytes {
            seconds = byBytes
        } else {
            return nil
        }
        let estimate: Duration = .seconds(min(seconds, 1e9))
        return estimate <= maximum ? estimate : nil
    }

    private static func secondsOfTransfers(_ snapshot: SyncProgress.Snapshot, rate: Double?) -> Double? {
        guard let rate, rate > 0, !snapshot.transfers.isEmpty else { return nil }
        let left = snapshot.transfers.reduce(0) { $0 + Double(max(0, $1.size - $1.sent)) }
        return (left + Double(snapshot.waitingBytes)) / rate
    }
}
