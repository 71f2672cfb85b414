/// What counts as used just now, and stays for it.
///
/// A time that lies ahead was taken while the clock was ahead, or is read while the clock is behind: which of them nobody
/// knows, so it keeps what it is about, until that shows (``FutureTimes``). Where no grace is wanted it does so for a day at most, else it would be for ever.
struct RecentUse: Sendable {
    static let never = RecentUse(after: .max, until: .max)

    private static let tolerance: Int64 = 86_400

    private let start: Int64
    private let end: Int64

    /// Times in seconds since 1970.
    init(within grace: Duration, now: Int64) {
        self.init(after: now - grace.components.seconds, until: grace <= .zero ? now + Self.tolerance : .max)
    }

    init(after start: Int64, until end: Int64) {
        self.start = start
        self.end = end
    }

    func contains(_ time: Int64) -> Bool { time > start && time <= end }
}
