import Sync

/// How long a run will go on, where that can be told.
enum RemainingTime {
    /// A run shorter than this needs no estimate, and gives no ground for one.
    private static let minimumElapsed: Duration = .seconds(5)
    /// Whoever waits longer than four days does not wait.
    private static let maximum: Duration = .seconds(4 * 86_400)

    /// The bytes that are left at the rate at which bytes become done, in bytes a second.
    ///
    /// Images whose size is not known yet count at the average of the others. Before any size is known: the tags that
    /// are left, at the pace of those that ended.
    ///
    /// - Returns: `nil` when nothing is left, entries are still being listed, or there is no ground for a guess.
    static func estimate(
        _ snapshot: SyncProgress.Snapshot,
        elapsed: Duration,
        rate: Double?
    ) -> Duration? {
        let left = snapshot.tags - snapshot.finishedTags
        guard snapshot.pendingEntries <= 0, left > 0, elapsed >= minimumElapsed else { return nil }
        let seconds: Double
        if snapshot.sizedImages > 0 {
            // The first bytes tell little: connections are made, and registries wake up.
            guard let rate, rate > 0, snapshot.passedBytes * 50 >= snapshot.imageBytes else { return nil }
            seconds = bytesLeft(snapshot, tags: left) / rate
        } else if snapshot.finishedTags > 0 {
            seconds = (elapsed / .seconds(1)) / Double(snapshot.finishedTags) * Double(left)
        } else {
            return nil
        }
        let estimate: Duration = .seconds(min(seconds, 1e9))
        return estimate <= maximum ? estimate : nil
    }

    private static func bytesLeft(_ snapshot: SyncProgress.Snapshot, tags left: Int) -> Double {
        let known = max(0, Double(snapshot.imageBytes - snapshot.passedBytes))
        let sized = Double(snapshot.sizedImages)
        let coming = Double(max(0, left - snapshot.runningImages))
        // Of the tags to come as many will be copied as of those before.
        let seen = Double(snapshot.finishedTags + snapshot.runningImages)
        let share = seen > 0 ? min(1, sized / seen) : 1
        return known + coming * share * Double(snapshot.imageBytes) / sized
    }
}

extension SyncProgress.Snapshot {
    /// So much of an upload that the target holds up is in buffers on the way: ours, and those of both systems.
    private static var onTheWay: Int64 { 1280 << 10 }

    /// Bytes of sized images that are done, or that the target has by the looks of it.
    var passedBytes: Int64 {
        doneBytes
            + transfers.reduce(0) { sum, transfer in
                let isUnderWay = transfer.isHeldUp && transfer.sent < transfer.size
                return sum + max(0, min(transfer.sent, transfer.size) - (isUnderWay ? Self.onTheWay : 0))
            }
    }
}
