/// How many tags are in which state of support, for the summary's tail and the report.
package struct LifecycleFigures: Hashable, Sendable {
    /// Tags of entries with `lifecycle`.
    package let tracked: Int
    package let ended: Int
    package let endingSoon: Int
    /// Tags about whose end nothing could be said.
    package let unknown: Int
    /// Tags whose data could not be refreshed.
    package let stale: Int
    /// What went wrong when the data was asked for.
    package var warnings: [LifecycleWarning] = []

    package init(_ statuses: some Sequence<LifecycleStatus>) {
        var counts: [LifecycleStatus.State: Int] = [:]
        var stale = 0
        for status in statuses {
            counts[status.state, default: 0] += 1
            if status.isStale { stale += 1 }
        }
        tracked = counts.values.reduce(0, +)
        ended = counts[.ended] ?? 0
        endingSoon = counts[.endsSoon] ?? 0
        unknown = tracked - ended - endingSoon - (counts[.supported] ?? 0)
        self.stale = stale
    }
}
