/// One comparison of a range: `>=1.2.3`, `~1.2`, `^0.3`, `1.x`.
struct VersionComparison {
    private let sign: String
    /// The numbers that are there.
    private let given: [Int]
    private let dialect: VersionRange.Dialect

    /// The comparisons that must all hold.
    static func list(
        _ text: String,
        _ dialect: VersionRange.Dialect
    ) throws(VersionRangeError) -> [VersionComparison] {
        let separators = dialect == .skopeo ? " ,\t" : " \t"
        let words = text.split { separators.contains($0) }.map(String.init)
        var result: [VersionComparison] = []
        var sign = ""
        for word in words {
            guard word != "-" else { throw VersionRangeError(reason: "a range with a hyphen") }
            let signs = word.prefix { "<>=~^!".contains($0) }
            let version = word.dropFirst(signs.count)
            sign += signs
            // The sign may stand apart from its version.
            guard !version.isEmpty else { continue }
            result.append(try VersionComparison(sign: sign, version: version, dialect))
            sign = ""
        }
        guard sign.isEmpty, !result.isEmpty else { throw VersionRangeError(reason: "a comparison without a version") }
        return result
    }

    private init(
        sign: String,
        version: Substring,
        _ dialect: VersionRange.Dialect
    ) throws(VersionRangeError) {
        guard ["", "=", "==", ">", ">=", "=>", "<", "<=", "=<", "~", "^", "~>"].contains(sign) else {
            throw VersionRangeError(reason: "'\(sign)'")
        }
        let text = version.hasPrefix("v") ? version.dropFirst() : version
        var given: [Int] = []
        for part in text.split(separator: ".", omittingEmptySubsequences: false) {
            if ["x", "X", "*"].contains(part), dialect != .regsync { break }
            guard let number = Int(part), (0...999_999_999).contains(number) else {
                throw VersionRangeError(reason: text.contains("-") ? "a bound that is a pre-release" : "'\(part)'")
            }
            given.append(number)
        }
        guard given.count <= dialect.width else { throw VersionRangeError(reason: "a version of so many numbers") }
        self.sign = sign
        self.given = given
        self.dialect = dialect
    }

    /// Missing numbers are zeros.
    private var version: [Int] { given + Array(repeating: 0, count: dialect.width - given.count) }

    /// The versions for which it holds.
    var boxes: [VersionBox] {
        switch sign {
        case ">": isPartial ? atLeast(next(given.count - 1)) : VersionBox.above(version, suffix: .any)
        case ">=", "=>": atLeast(version)
        case "<": below(version)
        case "<=", "=<":
            isPartial
                ? below(next(given.count - 1))
                : VersionBox.below(version, suffix: .any) + [.exactly(version, suffix: .any)]
        case "~", "~>": between(version, next(dialect == .regsync ? 1 : min(1, given.count - 1)))
        case "^": between(version, next(caretPosition))
        default: isPartial ? between(version, next(given.count - 1)) : [.exactly(version, suffix: .none)]
        }
    }

    /// Whether missing numbers stand for every number, as they do for skopeo and dregsy.
    private var isPartial: Bool { given.count < 3 && dialect != .regsync }

    /// The first number that is not zero may not change.
    private var caretPosition: Int {
        let last = dialect == .regsync ? 2 : max(0, given.count - 1)
        return version[...last].firstIndex { $0 > 0 } ?? last
    }

    /// The version with one number raised and zeros behind it; a negative position is beyond all versions.
    private func next(_ position: Int) -> [Int]? {
        guard position >= 0 else { return nil }
        return version.indices.map { $0 < position ? version[$0] : $0 == position ? version[$0] + 1 : 0 }
    }

    private func atLeast(_ version: [Int]?) -> [VersionBox] {
        guard let version else { return [] }
        return VersionBox.above(version, suffix: .any) + [.exactly(version, suffix: .none)]
    }

    /// A pre-release comes before its version.
    private func below(_ version: [Int]?) -> [VersionBox] {
        guard let version else { return [.everything(width: dialect.width)] }
        return VersionBox.below(version, suffix: .any) + [.exactly(version, suffix: .prerelease)]
    }

    private func between(_ lower: [Int], _ upper: [Int]?) -> [VersionBox] {
        let others = below(upper)
        return atLeast(lower).flatMap { box in others.compactMap { box.intersection($0) } }
    }
}
