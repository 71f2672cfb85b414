/// Regular expressions for decimal numbers of a range.
enum NumberPattern {
    /// Matches the numbers of the range, leading zeros allowed; `nil` upper bounds are open.
    static func matching(_ range: VersionBox.Numbers) -> String {
        guard let upper = range.upper else {
            return range.lower == 0 ? #"\d+"# : "0*(?:\(atLeast(range.lower)))"
        }
        if range.lower == upper { return "0*\(upper)" }
        return "0*(?:\(between(range.lower, upper).joined(separator: "|")))"
    }

    private static func atLeast(_ lower: Int) -> String {
        let digits = "\(lower)".count
        let ceiling = (0..<digits).reduce(1) { power, _ in power * 10 } - 1
        return (between(lower, ceiling) + [#"[1-9]\d{\#(digits),}"#]).joined(separator: "|")
    }

    /// Splits where the number of digits changes, then digit by digit.
    private static func between(_ lower: Int, _ upper: Int) -> [String] {
        let digits = "\(lower)".count
        let ceiling = (0..<digits).reduce(1) { power, _ in power * 10 } - 1
        guard upper > ceiling else { return sameLength(Array("\(lower)".utf8), Array("\(upper)".utf8)) }
        return between(lower, ceiling) + between(ceiling + 1, upper)
    }

    private static func sameLength(_ lower: [UInt8], _ upper: [UInt8]) -> [String] {
        guard let low = lower.first, let high = upper.first else { return [""] }
        let (restLow, restHigh) = (Array(lower.dropFirst()), Array(upper.dropFirst()))
        let isFull = restLow.allSatisfy { $0 == 48 } && restHigh.allSatisfy { $0 == 57 }
        if isFull { return [digitClass(low, high) + any(restLow.count)] }
        if low == high { return sameLength(restLow, restHigh).map { digitClass(low, low) + $0 } }
        var result = sameLength(restLow, restLow.map { _ in 57 }).map { digitClass(low, low) + $0 }
        if high - low > 1 { result.append(digitClass(low + 1, high - 1) + any(restLow.count)) }
        return result + sameLength(restHigh.map { _ in 48 }, restHigh).map { digitClass(high, high) + $0 }
    }

    private static func digitClass(_ low: UInt8, _ high: UInt8) -> String {
        let (first, last) = (Character(Unicode.Scalar(low)), Character(Unicode.Scalar(high)))
        return low == high ? "\(first)" : "[\(first)-\(last)]"
    }

    private static func any(_ count: Int) -> String {
        count == 0 ? "" : count == 1 ? #"\d"# : #"\d{\#(count)}"#
    }
}
