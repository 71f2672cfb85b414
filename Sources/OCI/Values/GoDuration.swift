extension Duration {
    /// Parses a duration as Go's `time.ParseDuration` does: `500ms`, `2s`, `1m30s`, `1.5h`, `-2s`.
    ///
    /// Every number needs a unit (`ns`, `us`, `µs`, `ms`, `s`, `m`, `h`), except a lone `0`. As in Go the whole must
    /// fit into 64 bits of nanoseconds, some 292 years; what lies beyond is an error and never wraps.
    package init(goDuration text: some StringProtocol) throws(QuantityError) {
        do throws(QuantityFault) {
            self = .nanoseconds(try Self.nanoseconds(in: Substring(text).unicodeScalars))
        } catch {
            let expectation =
                switch error {
                case .malformed: "a duration with its unit, such as 30s or 1m30s"
                case .tooLarge: "a duration of at most 2562047h"
                }
            throw QuantityError(text: String(text), expectation: expectation, isTooLarge: error == .tooLarge)
        }
    }

    private static let nanosecondsPerUnit: [String: Int64] = [
        "ns": 1, "us": 1000, "\u{b5}s": 1000, "\u{3bc}s": 1000, "ms": 1_000_000, "s": 1_000_000_000,
        "m": 60_000_000_000, "h": 3_600_000_000_000,
    ]

    private static func nanoseconds(in text: Substring.UnicodeScalarView) throws(QuantityFault) -> Int64 {
        var rest = text
        let isNegative = rest.first == "-"
        if let sign = rest.first, sign == "-" || sign == "+" { rest.removeFirst() }
        if rest.elementsEqual("0".unicodeScalars) { return 0 }
        guard !rest.isEmpty else { throw .malformed }
        var total: Int64? = 0
        while !rest.isEmpty {
            // What is written wrongly behind a number that does not fit is told rather than that.
            let term = try nextTerm(&rest)
            total = total.flatMap { sum in term.flatMap { sum.addingIfItFits($0) } }
        }
        guard let total else { throw .tooLarge }
        return isNegative ? -total : total
    }

    /// Takes one number and its unit off the front.
    ///
    /// - Returns: `nil` for more than fits.
    private static func nextTerm(_ rest: inout Substring.UnicodeScalarView) throws(QuantityFault) -> Int64? {
        let whole = rest.prefix { $0.isASCIIDigit }
        rest = rest.dropFirst(whole.count)
        var fraction = Substring.UnicodeScalarView()
        if rest.first == "." {
            rest.removeFirst()
            fraction = rest.prefix { $0.isASCIIDigit }
            rest = rest.dropFirst(fraction.count)
        }
        guard !whole.isEmpty || !fraction.isEmpty else { throw .malformed }
        let unitText = rest.prefix { $0 != "." && !$0.isASCIIDigit }
        rest = rest.dropFirst(unitText.count)
        guard let unit = nanosecondsPerUnit[String(unitText)] else { throw .malformed }
        guard let count = whole.isEmpty ? 0 : Int64(String(whole)) else { return nil }
        let (base, overflow) = count.multipliedReportingOverflow(by: unit)
        guard !overflow else { return nil }
        // At most one unit, hence exact enough in a Double: 3.6e12 < 2^53.
        let part = fraction.isEmpty ? 0 : (Double("0." + String(fraction)) ?? 0) * Double(unit)
        return base.addingIfItFits(Int64(part))
    }
}

extension Int64 {
    /// The sum; `nil` for more than fits.
    func addingIfItFits(_ other: Int64) -> Int64? {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? nil : sum
    }
}

extension Unicode.Scalar {
    /// Whether it is one of `0` to `9`; other scripts' digits are not.
    package var isASCIIDigit: Bool { ("0"..."9").contains(self) }
}
