import Lifecycle
import Sync

/// The line under the summary that counts tags at the end of their support.
struct LifecycleLine: CustomStringConvertible {
    let description: String

    /// - Returns: `nil` when there is no tag to tell of.
    init?(_ figures: LifecycleFigures) {
        guard figures.tracked > 0 else { return nil }
        let tags = figures.tracked == 1 ? "tag" : "tags"
        var parts = [
            "End of life: \(figures.ended) of \(figures.tracked) tracked \(tags)",
            "\(figures.endingSoon) more within \(LifecycleStatus.soonDays) days",
        ]
        if figures.unknown > 0 { parts.append("\(figures.unknown) unknown") }
        if figures.stale > 0 { parts.append("\(figures.stale) by an old copy of the data") }
        description = parts.joined(separator: " · ")
    }
}

extension ReportDocument.Lifecycle {
    init(_ figures: LifecycleFigures) {
        self.init(endOfLife: figures.ended, endingSoon: figures.endingSoon, unknown: figures.unknown)
    }
}
