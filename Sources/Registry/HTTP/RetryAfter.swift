import FoundationEssentials

/// How long a registry asks to be left alone.
///
/// `Retry-After` or `X-Retry-After`: seconds or an HTTP date (RFC 9110, 10.2.3). A number beyond 10^9 is a Unix time,
/// as Docker Hub sends it, beyond 10^12 one in milliseconds.
enum RetryAfter {
    /// What longer times are taken for, a year: no wait is so long, and no sum of such waits overflows.
    private static let longest = 365 * 86_400.0

    /// The delay from `now`, the wall clock; `nil` for a text that is none of these, or a time in the past.
    static func delay(_ text: some StringProtocol, now: Date) -> Duration? {
        let trimmed = text.trimmingBlanks
        guard !trimmed.isEmpty else { return nil }
        guard let number = Double(trimmed), number.isFinite else {
            return HTTPDate.parse(trimmed).flatMap { positive($0 - now.timeIntervalSince1970) }
        }
        if number > 1e12 { return positive(number / 1000 - now.timeIntervalSince1970) }
        if number > 1e9 { return positive(number - now.timeIntervalSince1970) }
        return positive(number)
    }

    private static func positive(_ seconds: Double) -> Duration? {
        seconds >= 0 ? .seconds(min(seconds, longest)) : nil
    }
}

/// The dates of HTTP, all three that are to be read (RFC 9110, 5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`,
/// `Sunday, 06-Nov-94 08:49:37 GMT`, `Sun Nov  6 08:49:37 1994`.
enum HTTPDate {
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// Seconds since 1970; `nil` for anything else.
    static func parse(_ text: some StringProtocol) -> Double? {
        let words = String(text).split { $0 == " " || $0 == "-" }.map(String.init)
        let isOldest = words.first?.hasSuffix(",") != true
        guard words.count == (isOldest ? 5 : 6), isOldest || ["GMT", "UTC"].contains(words[5]) else { return nil }
        let (day, month, year, time) =
            isOldest ? (words[2], words[1], words[4], words[3]) : (words[1], words[2], words[3], words[4])
        guard let day = Int(day), (1...31).contains(day), let month = months.firstIndex(of: month),
            let year = Int(year).map(wholeYear), (1970...9999).contains(year)
        else { return nil }
        let clock = time.split(separator: ":").map { Int($0) ?? -1 }
        guard clock.count == 3, (0...23).contains(clock[0]), (0...59).contains(clock[1]), (0...60).contains(clock[2])
        else { return nil }
        let days = daysSince1970(year: year, month: month + 1, day: day)
        return Double(days * 86_400 + clock[0] * 3600 + clock[1] * 60 + clock[2])
    }

    private static func wholeYear(_ year: Int) -> Int {
        switch year {
        case 0..<70: year + 2000
        case 70..<100: year + 1900
        default: year
        }
    }

    /// Days from 1970-01-01 in the Gregorian calendar, counting years from March so that leap days come last.
    private static func daysSince1970(year: Int, month: Int, day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }
}
