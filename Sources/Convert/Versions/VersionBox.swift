/// A set of versions: a range for each of their numbers, with or without a pre-release behind them.
///
/// Every comparison is a union of few such boxes, and so is every combination of comparisons.
struct VersionBox: Hashable {
    /// Whole numbers from 0 on.
    struct Numbers: Hashable {
        var lower = 0
        /// Included; `nil` is open.
        var upper: Int?

        func intersection(_ other: Numbers) -> Numbers? {
            let lower = max(lower, other.lower)
            let upper = [upper, other.upper].compactMap(\.self).min()
            if let upper, upper < lower { return nil }
            return Numbers(lower: lower, upper: upper)
        }
    }

    /// What may stand behind the numbers.
    struct Suffix: OptionSet, Hashable {
        let rawValue: Int
        static let none = Suffix(rawValue: 1)
        static let prerelease = Suffix(rawValue: 2)
        static let any: Suffix = [.none, .prerelease]
    }

    /// Major, minor, patch, and a fourth where the dialect knows one.
    var numbers: [Numbers]
    var suffix: Suffix

    func intersection(_ other: VersionBox) -> VersionBox? {
        let suffix = suffix.intersection(other.suffix)
        let ranges = zip(numbers, other.numbers).map { $0.intersection($1) }
        guard !suffix.isEmpty, !ranges.contains(nil) else { return nil }
        return VersionBox(numbers: ranges.compactMap(\.self), suffix: suffix)
    }

    /// Everything below a version's numbers, whatever stands behind the one that decides.
    static func below(_ version: [Int], suffix: Suffix) -> [VersionBox] {
        version.indices.compactMap { index in
            guard version[index] > 0 else { return nil }
            return box(version, upTo: index, Numbers(lower: 0, upper: version[index] - 1), suffix)
        }
    }

    static func above(_ version: [Int], suffix: Suffix) -> [VersionBox] {
        version.indices.map { box(version, upTo: $0, Numbers(lower: version[$0] + 1, upper: nil), suffix) }
    }

    static func exactly(_ version: [Int], suffix: Suffix) -> VersionBox {
        VersionBox(numbers: version.map { Numbers(lower: $0, upper: $0) }, suffix: suffix)
    }

    private static func box(_ version: [Int], upTo index: Int, _ range: Numbers, _ suffix: Suffix) -> VersionBox {
        let numbers = version.indices.map { position in
            position < index
                ? Numbers(lower: version[position], upper: version[position]) : position == index ? range : Numbers()
        }
        return VersionBox(numbers: numbers, suffix: suffix)
    }
}

extension VersionBox {
    /// Matches tags in the box; numbers that are missing at the end count as 0.
    ///
    /// - Parameter hasMore: any numbers may follow the last one.
    /// - Returns: an expression that is anchored nowhere.
    func pattern(hasMore: Bool) -> String {
        let parts = numbers.map(NumberPattern.matching)
        var tail = hasMore ? #"(?:\.\d+)*"# : ""
        for index in numbers.indices.dropFirst().reversed() {
            tail = #"\.\#(parts[index])\#(tail)"#
            // A number may be missing only where all that follow may be missing too.
            if numbers[index...].allSatisfy({ $0.lower == 0 }) { tail = "(?:\(tail))?" }
        }
        return parts[0] + tail + suffixPattern
    }

    private var suffixPattern: String {
        switch suffix {
        case .none: ""
        case .prerelease: "-.+"
        default: "(?:-.*)?"
        }
    }
}
