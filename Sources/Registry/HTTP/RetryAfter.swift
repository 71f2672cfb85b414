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

/// The preferred date format of HTTP: `Sun, 06 Nov 1994 08:49:37 GMT`.
enum HTTPDate {
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// Seconds since 1970; `nil` for anything else, the two obsolete forms included.
    static func parse(_ text: some StringProtocol) -> Double? {
        let words = text.split(separator: " ")
        guard words.count == 6, words[0].hasSuffix(","), words[5] == "GMT" || words[5] == "UTC",
            let day = Int(words[1]), (1...31).contains(day),
            let month = months.firstIndex(where: { $0 == words[2] }),
            let year = Int(words[3]), (1970...9999).contains(year)
        else { return nil }
        let clock = words[4].split(separator: ":").map { Int($0) ?? -1 }
        guard clock.count == 3, (0...23).contains(clock[0]), (0...59).contains(clock[1]), (0...60).contains(clock[2])
        else { return nil }
        let days = daysSince1970(year: year, month: month + 1, day: day)
        return Double(days * 86_400 + clock[0] * 3600 + clock[1] * 60 + clock[2])
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
