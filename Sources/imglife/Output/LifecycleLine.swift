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
        let troubles = Set(figures.warnings.map(\.kind)).map(\.trouble).sorted()
        if figures.stale > 0 { parts.append("\(figures.stale) by an old copy of the data") }
        description = (parts + troubles).joined(separator: " · ")
    }
}

extension LifecycleWarning.Kind {
    /// What went wrong, in a few words; the log has the whole of it.
    fileprivate var trouble: String {
        switch self {
        case .unknownProduct: "a product is not known to the end-of-life service"
        case .unreachable: "the end-of-life service did not answer"
        case .unusableAnswer: "the end-of-life service's answer cannot be read"
        case .unreadableFile: "the data file cannot be read"
        case .unwritableFile: "the data file cannot be written"
        }
    }
}

extension ReportDocument.Lifecycle {
    init(_ figures: LifecycleFigures) {
        self.init(endOfLife: figures.ended, endingSoon: figures.endingSoon, unknown: figures.unknown)
        warnings = figures.warnings.map { .init(code: $0.kind.rawValue, product: $0.product, text: "\($0)") }
    }
}
