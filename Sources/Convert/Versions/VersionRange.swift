/// A range of versions as regsync, dregsy and skopeo write them, and the regular expressions that pick the same tags.
struct VersionRange {
    /// Whose rules the text follows.
    enum Dialect {
        /// regsync: blanks join, any number of parts, pre-releases compare like everything else.
        case regsync
        /// dregsy (blang/semver): blanks join, `||` separates, three numbers.
        case dregsy
        /// skopeo (Masterminds/semver): commas and blanks join, `||` separates; pre-releases are out unless they are named.
        case skopeo

        /// How many numbers of a version are compared.
        var width: Int { self == .regsync ? 4 : 3 }
    }

    /// Their union is the range.
    private let boxes: [VersionBox]
    private let dialect: Dialect

    /// - Throws: ``VersionRangeError`` for what no regular expression of ours says.
    init(_ text: String, _ dialect: Dialect) throws(VersionRangeError) {
        try self.init([text], dialect)
    }

    /// Several ranges, any of which may hold.
    init(_ texts: [String], _ dialect: Dialect) throws(VersionRangeError) {
        var boxes: [VersionBox] = []
        for alternative in texts.flatMap({ Self.alternatives(of: $0) }) {
            var joined = [VersionBox.everything(width: dialect.width, suffix: dialect == .skopeo ? .none : .any)]
            for comparison in try VersionComparison.list(alternative, dialect) {
                let others = comparison.boxes
                joined = joined.flatMap { box in others.compactMap { box.intersection($0) } }
            }
            for box in joined where !boxes.contains(box) { boxes.append(box) }
        }
        self.boxes = boxes
        self.dialect = dialect
    }

    /// Matches the tags of the range and no others.
    var pattern: String {
        guard !boxes.isEmpty else { return "^$" }
        return "^v?(?:\(boxes.map { $0.pattern(hasMore: dialect == .regsync) }.joined(separator: "|")))$"
    }

    /// Matches the tags outside the range, those that are no versions included.
    var exclusion: String {
        var rest = [VersionBox.everything(width: dialect.width)]
        for box in boxes {
            let outside = box.complement
            rest = rest.flatMap { part in outside.compactMap { part.intersection($0) } }
        }
        let versions = rest.map { $0.pattern(hasMore: dialect == .regsync) }
        let outside = versions.isEmpty ? "" : "|^v?(?:\(versions.joined(separator: "|")))$"
        return Self.noVersion + outside
    }

    /// Matches tags that do not begin with numbers between dots up to their first `-` or end.
    private static let noVersion =
        #"^(?:[^v\d]|v(?:\D|$)|v?\d[\d.]*[^\d.-]|v?(?:\d+\.)+(?:\.|-|$))"#

    private static func alternatives(of text: String) -> [String] {
        var parts: [String] = []
        var rest = Substring(text)
        while let bars = rest.firstRange(ofTwoBars: ()) {
            parts.append(String(rest[..<bars.lowerBound]))
            rest = rest[bars.upperBound...]
        }
        return parts + [String(rest)]
    }
}

/// Why a range of versions cannot be said by a regular expression.
struct VersionRangeError: Error {
    let reason: String
}

extension Substring {
    fileprivate func firstRange(ofTwoBars: Void) -> Range<Index>? {
        var index = startIndex
        while index < endIndex {
            let next = self.index(after: index)
            if self[index] == "|", next < endIndex, self[next] == "|" { return index..<self.index(after: next) }
            index = next
        }
        return nil
    }
}

extension VersionBox {
    static func everything(width: Int, suffix: Suffix = .any) -> VersionBox {
        VersionBox(numbers: Array(repeating: Numbers(), count: width), suffix: suffix)
    }

    /// What is outside: below or above in one of the numbers, or with another suffix.
    fileprivate var complement: [VersionBox] {
        var boxes: [VersionBox] = []
        var inside = Self.everything(width: numbers.count)
        for index in numbers.indices {
            for range in numbers[index].complement {
                var outside = inside
                outside.numbers[index] = range
                boxes.append(outside)
            }
            inside.numbers[index] = numbers[index]
        }
        let others = Suffix.any.subtracting(suffix)
        if !others.isEmpty {
            inside.suffix = others
            boxes.append(inside)
        }
        return boxes
    }
}

extension VersionBox.Numbers {
    fileprivate var complement: [VersionBox.Numbers] {
        var ranges: [VersionBox.Numbers] = []
        if lower > 0 { ranges.append(VersionBox.Numbers(lower: 0, upper: lower - 1)) }
        if let upper { ranges.append(VersionBox.Numbers(lower: upper + 1, upper: nil)) }
        return ranges
    }
}
