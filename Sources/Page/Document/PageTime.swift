import Glibc

/// A moment as the page shows it.
struct PageTime: Hashable {
    /// How long ago it was, or how long something has lasted: `3 days`.
    let span: String
    /// RFC 3339, in UTC.
    let machine: String
    /// For people, in UTC.
    let exact: String

    /// Both in seconds since 1970.
    init(_ moment: Int64, now: Int64) {
        span = Self.span(max(0, now - moment))
        var seconds = time_t(moment)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        let two = { (value: CInt) in value < 10 ? "0\(value)" : "\(value)" }
        let date = "\(1900 + parts.tm_year)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
        let time = "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
        machine = "\(date)T\(time)Z"
        exact = "\(date) \(time) UTC"
    }

    /// `just now`, `3 days ago`.
    var age: String { span == "0 seconds" ? "just now" : "\(span) ago" }

    private static func span(_ seconds: Int64) -> String {
        let units: [(name: String, seconds: Int64)] = [
            ("year", 31_557_600), ("month", 2_629_800), ("day", 86_400), ("hour", 3600), ("minute", 60),
        ]
        // Two of a unit at least, so that nothing is rounded by half of what it is.
        let unit = units.first { seconds >= 2 * $0.seconds } ?? ("second", 1)
        let count = seconds / unit.seconds
        return "\(count) \(unit.name)\(count == 1 ? "" : "s")"
    }
}

extension PageTime {
    /// The day of a time such as `2026-03-01T12:00:00Z`.
    ///
    /// - Returns: `nil` for text that is no such time, and for the times that reproducible builds write.
    static func day(_ text: String) -> String? {
        let day = text.utf8.prefix(10)
        let isDay = zip(day, "0000-00-00".utf8).allSatisfy { byte, pattern in
            pattern == UInt8(ascii: "-") ? byte == pattern : (0x30...0x39).contains(byte)
        }
        guard day.count == 10, isDay, let date = String(day), date > "1981" else { return nil }
        return date
    }
}
