import FoundationEssentials
import Lifecycle
import OCI
import Testing

@Suite(.timeLimit(.minutes(10)))
struct LifecycleDateTests {
    @Test(
        "Texts that are days of the calendar, leap years included",
        arguments: ["2024-02-29", "2000-02-29", "2026-11-01", "0001-01-01", "9999-12-31", "2023-04-30"]
    )
    func days(text: String) throws {
        #expect(try #require(CalendarDate(text)).description == text)
    }

    @Test(
        "Texts that are none",
        arguments: [
            "2023-02-29", "1900-02-29", "2100-02-29", "2023-04-31", "2023-13-01", "2023-00-01", "2023-01-00",
            "0000-01-01",
            "2023-1-01", "23-01-01", "2023-01-01T00:00:00Z", "+023-01-01", "2023/01/01", "", "2023-01", "２０２３-01-01",
            "true", " 2023-01-01",
        ]
    )
    func noDays(text: String) {
        #expect(CalendarDate(text) == nil)
    }

    @Test(
        "Days between two dates",
        arguments: [
            ("2024-02-28", "2024-03-01", 2), ("2023-02-28", "2023-03-01", 1), ("2000-01-01", "2001-01-01", 366),
            ("1900-01-01", "1901-01-01", 365), ("2026-11-21", "2026-11-21", 0), ("2026-11-21", "2026-11-01", -20),
            ("1970-01-01", "2026-11-21", 20_778), ("0001-01-01", "9999-12-31", 3_652_058),
        ]
    )
    func difference(from: String, to: String, days: Int) throws {
        let start = try #require(CalendarDate(from))
        let end = try #require(CalendarDate(to))
        #expect(start.days(until: end) == days)
        #expect(end.days(until: start) == -days)
        #expect((start < end) == (days > 0))
    }

    @Test(
        "The day in UTC at an instant",
        arguments: [
            (0.0, "1970-01-01"), (86_399.9, "1970-01-01"), (86_400, "1970-01-02"), (-1, "1969-12-31"),
            (951_782_399, "2000-02-28"), (951_782_400, "2000-02-29"), (951_868_800, "2000-03-01"),
            (1e300, "9999-12-31"), (-1e300, "0001-01-01"),
        ]
    )
    func instants(seconds: Double, text: String) {
        #expect(CalendarDate(utc: Date(timeIntervalSince1970: seconds)).description == text)
    }

    @Test("Every day of four centuries follows the one before it")
    func consecutive() throws {
        let first = try #require(CalendarDate("1800-01-01"))
        var previous = first
        for number in (first.dayNumber + 1)...(first.dayNumber + 146_097) {
            let day = CalendarDate(utc: Date(timeIntervalSince1970: Double(number) * 86_400))
            guard day.dayNumber == number, previous < day else {
                Issue.record("\(day) follows \(previous)")
                return
            }
            previous = day
        }
        #expect(previous.description == "2200-01-01")
    }

    @Test(
        "Day counts",
        arguments: [
            ("90d", 90), ("0d", 0), ("12w", 84), ("24h", 1), ("25h", 2), ("2160h", 90), ("48h0m0.1s", 3),
            ("36500d", 36_500),
        ]
    )
    func dayCounts(text: String, days: Int) throws {
        #expect(try DayCount(text).days == days)
    }

    @Test(
        "Texts that are no day counts",
        arguments: [
            "", "d", "90", "-1d", "1.5d", "23h59m", "36501d", "99999999999999999999d", "9999999w", "1w2d", "90D", "٣d",
        ]
    )
    func noDayCounts(text: String) {
        #expect(throws: QuantityError.self) { try DayCount(text) }
    }
}
