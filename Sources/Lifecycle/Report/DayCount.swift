package import OCI

/// A number of days as `--fail-within` takes it: `90d`, `12w`, or a Go duration of at least a day such as `2160h`.
///
/// Parts of a day count as a whole one.
package struct DayCount: Hashable, Sendable {
    /// From 0 to ``maximumDays``.
    package let days: Int

    package static let maximumDays = 36_500

    package init(_ text: some StringProtocol) throws(QuantityError) {
        guard let days = Self.days(in: text), (0...Self.maximumDays).contains(days) else {
            throw QuantityError(text: String(text), expectation: "a number of days up to 36500, such as 90d or 12w")
        }
        self.days = days
    }

    private static func days(in text: some StringProtocol) -> Int? {
        let digits = text.prefix { ("0"..."9").contains($0) }
        switch text[digits.endIndex...] {
        case "d": return Int(digits)
        case "w": return Int(digits).flatMap { $0 <= maximumDays ? $0 * 7 : nil }
        default: break
        }
        guard let duration = try? Duration(goDuration: text), duration >= .seconds(86_400) else { return nil }
        let (seconds, attoseconds) = duration.components
        return Int(seconds / 86_400) + (seconds % 86_400 > 0 || attoseconds > 0 ? 1 : 0)
    }
}
