import OCI

/// The part of a sorted list that a request asks for.
///
/// OCI distribution-spec 1.1.1, "Listing Tags".
struct Paging: Hashable {
    /// What a page holds at most when the client asks for more.
    static let maximum = 1000
    /// The longest list of names for a client that names no number, in bytes: containers/image reads 4 MiB of an answer.
    static let longest = 4 << 20 - 64 << 10

    /// `nil` when the client names no number.
    let count: Int?
    /// The last name of the page before; it need not exist.
    let last: String?

    /// - Returns: `nil` when `n` is not a number.
    init?(_ target: RequestTarget) {
        last = target["last"]
        guard let text = target["n"] else {
            count = nil
            return
        }
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        count = min(Int(text) ?? Self.maximum, Self.maximum)
    }

    /// The page of names that are sorted by their bytes, and whether more follow.
    func page<Name: CustomStringConvertible>(of names: [Name]) -> (names: ArraySlice<Name>, hasMore: Bool) {
        guard count != 0 else { return ([], false) }
        let rest = last.map { names[Self.position(after: $0, in: names)...] } ?? names[...]
        let page = count.map { rest.prefix($0) } ?? Self.longestPage(of: rest)
        return (page, page.endIndex < rest.endIndex)
    }

    private static func longestPage<Name: CustomStringConvertible>(of names: ArraySlice<Name>) -> ArraySlice<Name> {
        var room = longest
        return names.prefix { name in
            // Quotes and a comma; nothing in a name has to be escaped.
            room -= name.description.utf8.count + 3
            return room >= 0
        }
    }

    /// Where the names begin that come after another one.
    private static func position(after last: String, in names: [some CustomStringConvertible]) -> Int {
        var range = 0..<names.count
        while !range.isEmpty {
            let middle = range.lowerBound + range.count / 2
            let isAfter = last.utf8.lexicographicallyPrecedes(names[middle].description.utf8)
            range = isAfter ? range.lowerBound..<middle : middle + 1..<range.upperBound
        }
        return range.lowerBound
    }

    /// The value of a `Link` header field to the next page, as ``NextPage`` makes it.
    func link(path: String, after last: String, _ target: RequestTarget, prefix: String? = nil) -> String {
        var fields: [(name: String, value: String)] = [("last", last)]
        if let count { fields.insert(("n", "\(count)"), at: 0) }
        if let namespace = target["ns"] { fields.append(("ns", namespace)) }
        return NextPage.link(path: path, fields, prefix: prefix)
    }
}
