/// Whether a source gives so little that somebody else's is asked instead, where there is one.
///
/// A source that is told to wait, hangs or drips would keep its blob from everybody in the process otherwise.
struct Pace {
    /// Its source gave too little while others would have had it from elsewhere.
    struct Outpaced: Error {}

    /// So much in the time of ``patience`` is enough, in bytes.
    private static let enough: Int64 = 64 << 10
    /// In seconds.
    private static let patience = 10

    private var fetched: Int64 = 0
    private var seconds = 0

    /// Looks at a download, once a second.
    ///
    /// - Returns: whether its source is too slow.
    mutating func isTooSlow(_ view: DownloadState.View) -> Bool {
        guard view.isFetching, view.fetched - fetched < Self.enough else {
            (fetched, seconds) = (view.fetched, 0)
            return false
        }
        seconds += 1
        return seconds >= Self.patience
    }
}
