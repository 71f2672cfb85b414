/// Which part of a blob a request asks for (RFC 9110, 14).
enum RangeRequest: Hashable {
    /// All of it: there was no range, or none that is understood here.
    case whole
    /// One part of it; never empty.
    case part(Range<Int64>)
    /// None of it: 416.
    case unsatisfiable

    /// Reads a `Range` header field for a blob of that many bytes.
    ///
    /// More than one range gives the whole, as RFC 9110 allows; so does another unit or a value that is no range.
    init(_ text: String?, size: Int64) {
        self = .whole
        guard let text, text.lowercased().hasPrefix("bytes=") else { return }
        let spec = text.dropFirst(6)
        let sides = spec.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard sides.count == 2, sides.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }) else { return }
        let first = Self.number(sides[0])
        let last = Self.number(sides[1])
        switch (first, last) {
        case (nil, nil): return
        case (nil, let count?):
            self = count > 0 && size > 0 ? .part(max(0, size - count)..<size) : .unsatisfiable
        case (let first?, let last):
            let end = min(size, (last ?? .max - 1) + 1)
            self = first < size && first < end ? .part(first..<end) : .unsatisfiable
        }
    }

    /// - Returns: `nil` for no digits; numbers beyond all sizes become one that is.
    private static func number(_ digits: Substring) -> Int64? {
        guard !digits.isEmpty else { return nil }
        return Int64(digits).map { min($0, .max - 1) } ?? .max - 1
    }
}

/// The entity tag of something named by its digest (RFC 9110, 8.8.3).
struct EntityTag: Hashable, CustomStringConvertible {
    let description: String

    init(_ value: some CustomStringConvertible) {
        description = "\"\(value)\""
    }

    /// Whether `If-None-Match` holds it, compared weakly; `*` matches whatever is there.
    func matches(_ condition: String?) -> Bool {
        guard let condition else { return false }
        return condition.split(separator: ",").contains { candidate in
            let text = candidate.filter { $0 != " " && $0 != "\t" }
            return text == "*" || text == description || text == "W/" + description
        }
    }

    /// Whether `If-Range` lets a range stand: there is none, or it is this tag, compared strongly.
    func allowsRange(_ condition: String?) -> Bool {
        condition == nil || condition == description
    }
}
