import OCI
import Sync

/// How far the whole run is, in one line.
struct TotalLine {
    let snapshot: SyncProgress.Snapshot
    let elapsed: Duration
    /// In bytes a second; `nil` when it is not known yet.
    let rate: Double?
    /// How many bytes a second become done, smoothed over a longer time.
    var pace: Double?
    /// Whom everybody waits for.
    var wait: WaitingHosts.Wait?

    /// What matters least is left out first when the line would get too long; whom everybody waits for stays.
    func text(columns: Int) -> String {
        var parts = parts(columns)
        while parts.count > 1, Self.joined(parts).unicodeScalars.count > columns,
            let least = parts.indices.max(by: { parts[$0].rank < parts[$1].rank })
        {
            parts.remove(at: least)
        }
        let line = Self.joined(parts)
        return line.unicodeScalars.count > columns ? ColumnText.cut(line, columns) : line
    }

    private static func joined(_ parts: [(rank: Int, text: String)]) -> String {
        parts.map(\.text).joined(separator: " · ")
    }

    /// In the order in which they are shown; that of rank 0 always is.
    private func parts(_ columns: Int) -> [(rank: Int, text: String)] {
        var parts = [(rank: wait == nil ? 0 : 1, text: tags)]
        if let wait {
            let whole = (rank: 0, text: "\(wait)")
            parts.append(Self.joined(parts + [whole]).unicodeScalars.count > columns ? (0, wait.short) : whole)
        }
        if snapshot.failedTags > 0 { parts.append((2, "\(snapshot.failedTags) failed")) }
        if snapshot.bytes > 0 { parts.append((5, ByteCount(snapshot.bytes).description)) }
        if let rate, snapshot.bytes > 0 { parts.append((3, "\(ByteCount(Int64(min(rate, 1e18))))/s")) }
        parts.append((6, Elapsed(wholeSecondsOf: elapsed).description))
        if let left = RemainingTime.estimate(snapshot, elapsed: elapsed, rate: pace) {
            parts.append((4, "ETA \(Elapsed(wholeSecondsOf: left))"))
        }
        return parts
    }

    private var tags: String {
        let pending = snapshot.pendingEntries
        if snapshot.tags == 0, pending > 0 { return "listing \(pending) \(pending == 1 ? "entry" : "entries")" }
        let more = pending > 0 ? "+" : ""
        return "\(snapshot.finishedTags) of \(snapshot.tags)\(more) \(snapshot.tags == 1 ? "tag" : "tags")"
    }
}
