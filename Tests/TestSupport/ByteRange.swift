/// The one range of a `Range` request header, against a length.
///
/// RFC 9110, section 14.
enum ByteRange {
    case range(Range<Int>)
    case unsatisfiable
    /// Something else than one byte range: the whole is sent.
    case ignored

    static func parse(_ text: String, total: Int) -> ByteRange {
        guard text.hasPrefix("bytes="), !text.contains(",") else { return .ignored }
        let parts = text.dropFirst(6).split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { return .ignored }
        switch (Int(parts[0]), Int(parts[1])) {
        case (let first?, let last):
            let end = min(last.map { $0 == .max ? $0 : $0 + 1 } ?? total, total)
            return first < end ? .range(first..<end) : .unsatisfiable
        case (nil, let suffix?) where parts[0].isEmpty:
            return suffix > 0 && total > 0 ? .range(max(0, total - suffix)..<total) : .unsatisfiable
        default: return .ignored
        }
    }
}
