import OCI

/// How fast a source has given a blob lately: where somebody else would have it from elsewhere, a slow one is left.
///
/// A source that is told to wait, hangs or drips would keep its blob from everybody in the process otherwise.
struct Pace: Equatable {
    /// Its source gave too little while others would have had it from elsewhere.
    struct Outpaced: Error {
        let pace: Pace
    }

    /// What a source came to that was left.
    struct Trial {
        /// How often it was left.
        var times = 0
        /// The last time, in bytes a second.
        var rate: Int64 = 0
    }

    /// So much within the patience is enough, in bytes.
    private static let enough: Int64 = 64 << 10
    /// In seconds.
    private static let patience = 10
    /// Beyond this the patience is not doubled any more.
    private static let mostDoublings = 10

    private var begun: Int64 = 0
    private var fetched: Int64 = 0
    /// For how many seconds it has been too slow.
    private(set) var seconds = 0

    /// Since it has been too slow, in bytes a second.
    var rate: Int64 { (fetched - begun) / Int64(max(1, seconds)) }

    /// Looks at a download, once a second.
    mutating func look(at view: DownloadState.View) {
        fetched = view.fetched
        if view.isFetching, fetched - begun < Self.enough {
            seconds += 1
        } else {
            (begun, seconds) = (fetched, 0)
        }
    }

    /// Whether a source has been too slow for too long beside another one.
    ///
    /// One that was left before and is no better gets its turn later each time.
    func isOutpaced(at source: any ContentSource, by other: any ContentSource, _ trial: Trial?) -> Bool {
        guard seconds > 0, !other.isHeldBack else { return false }
        if source.isHeldBack { return true }
        guard let trial, trial.rate <= rate else { return seconds >= Self.patience }
        return seconds >= Self.patience << min(trial.times, Self.mostDoublings)
    }
}
