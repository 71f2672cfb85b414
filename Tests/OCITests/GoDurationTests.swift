import OCI
import Testing

@Suite(.timeLimit(.minutes(10)))
struct GoDurationTests {
    static let durations: [(String, Duration)] = [
        ("500ms", .milliseconds(500)), ("2s", .seconds(2)), ("1m30s", .seconds(90)),
        ("1.5h", .seconds(5400)),
        ("0", .zero), ("0s", .zero), ("-2s", .seconds(-2)), ("+3s", .seconds(3)), (".5s", .milliseconds(500)),
        ("1.s", .seconds(1)), ("1us", .microseconds(1)), ("1\u{b5}s", .microseconds(1)),
        ("1\u{3bc}s", .microseconds(1)),
        ("7ns", .nanoseconds(7)), ("1h1m1s1ms1us1ns", .nanoseconds(3_661_001_001_001)), ("30s1h", .seconds(3630)),
        ("2562047h", .seconds(9_223_369_200)), ("9223372036854775807ns", .nanoseconds(Int64.max)),
        ("007s", .seconds(7)),
    ]

    @Test(
        "Durations read as Go reads them",
        arguments: durations
    )
    func valid(text: String, duration: Duration) throws {
        #expect(try Duration(goDuration: text) == duration)
    }

    @Test(
        "What Go refuses is refused, and nothing wraps",
        arguments: [
            "", "60", "s", "-", "+", ".", ".s", "1", "1.5", "1d", "1S", "1 s", " 1s", "1s ", "1h99999999h", "--1s",
            "1m-1s",
            "1e3s", "1..5s", "1.5.5s", "2562048h", "9223372036854775808ns", "99999999999999999999s", "\u{661}s", "0x1s",
            "1,5s",
        ]
    )
    func invalid(text: String) {
        #expect(throws: QuantityError.self) { try Duration(goDuration: text) }
    }

    @Test("The error says what would be right")
    func message() {
        let error = #expect(throws: QuantityError.self) { try Duration(goDuration: "60") }
        #expect(error?.description == "must be a duration with its unit, such as 30s or 1m30s, not '60'")
    }
}

@Suite(.timeLimit(.minutes(10)))
struct ByteSizeTests {
    static let sizes: [(String, Int64)] = [
        ("1", 1), ("1073741824", 1_073_741_824), ("50GiB", 53_687_091_200), ("50Gi", 53_687_091_200),
        ("50gib", 53_687_091_200), ("500MB", 500_000_000), ("10G", 10_000_000_000), ("10g", 10_000_000_000),
        ("1k", 1000), ("1.5GiB", 1_610_612_736), ("2 TiB", 2_199_023_255_552), ("3PB", 3_000_000_000_000_000),
        ("100B", 100), ("0.5Ki", 512),
    ]

    @Test(
        "Sizes read as Kubernetes reads them, with or without B, in either case",
        arguments: sizes
    )
    func valid(text: String, bytes: Int64) throws {
        #expect(try ByteSize(text).bytes == bytes)
    }

    @Test(
        "What is no size of at least one byte is refused",
        arguments: [
            "", "0", "0GiB", "-1", "+1", "GiB", ".5G", "1.", "1.2.3G", "1e3", "5 apples", "1  G", "10GG", "10BiB",
            "10 B B",
            "9223372036854775808", "8192PiB", "99999999P", "1,5G", "0x10", "\u{661}G", "unlimited",
        ]
    )
    func invalid(text: String) {
        #expect(throws: QuantityError.self) { try ByteSize(text) }
    }
}
