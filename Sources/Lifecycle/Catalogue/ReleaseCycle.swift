/// When a release cycle is, or was, no longer supported.
package enum EndOfLife: Hashable, Sendable {
    /// From this day on.
    case date(CalendarDate)
    /// Already, on a day that nobody wrote down.
    case ended
    /// Not yet, and no day is known.
    case notEnded
    /// Nothing is said about it.
    case unknown
}

/// One release cycle of a product: a row of endoflife.date's answer.
package struct ReleaseCycle: Hashable, Sendable {
    /// Such as `3.21`; at most ``maximumTextLength`` characters, like all its texts.
    package let cycle: String
    package let endOfLife: EndOfLife
    package let releaseDate: CalendarDate?
    /// The newest release of the cycle.
    package let latest: String?
    package let latestReleaseDate: CalendarDate?

    package static let maximumTextLength = 128
    /// How many cycles of one product are read.
    package static let maximumCycles = 2000

    package init(
        cycle: String,
        endOfLife: EndOfLife = .unknown,
        releaseDate: CalendarDate? = nil,
        latest: String? = nil,
        latestReleaseDate: CalendarDate? = nil
    ) {
        self.cycle = cycle
        self.endOfLife = endOfLife
        self.releaseDate = releaseDate
        self.latest = latest
        self.latestReleaseDate = latestReleaseDate
    }

    /// Whether a text may stand in a cycle: not empty, bounded, and printable.
    static func isUsable(_ text: String) -> Bool {
        let scalars = text.unicodeScalars
        return !scalars.isEmpty && scalars.count <= maximumTextLength
            && scalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F && !(0x80..<0xA0).contains($0.value) }
    }
}
