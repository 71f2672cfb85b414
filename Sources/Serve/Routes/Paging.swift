import OCI

/// The part of a sorted list that a request asks for.
///
/// OCI distribution-spec 1.1.1, "Listing Tags".
struct Paging: Hashable {
    /// What a page holds at most when the client asks for more.
    static let maximum = 1000
    /// What a page holds when the client names no number.
    static let unasked = 10_000

    let count: Int
    /// The last name of the page before; it need not exist.
    let last: String?

    /// - Returns: `nil` when `n` is not a number.
    init?(_ target: RequestTarget) {
        last = target["last"]
        guard let text = target["n"] else {
            count = Self.unasked
            return
        }
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        count = min(Int(text) ?? Self.maximum, Self.maximum)
    }

    /// The page of names that are sorted by their bytes, and whether more follow.
    func page<Name: CustomStringConvertible>(of names: [Name]) -> (names: ArraySlice<Name>, hasMore: Bool) {
        guard count > 0 else { return ([], false) }
        let rest = last.map { names[Self.position(after: $0, in: names)...] } ?? names[...]
        return (rest.prefix(count), rest.count > count)
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

    /// The value of a `Link` header field to the next page.
    ///
    /// Relative to the request (RFC 3986, 5.2), so that it stays below a path that a proxy puts in front. Clients of
    /// containers/image take the reference for a whole path, and ask without `n`: those get one.
    func link(path: String, after last: String, _ target: RequestTarget) -> String {
        let path =
            target["n"] == nil ? path : String(path[path.index(after: path.lastIndex(of: "/") ?? path.startIndex)...])
        var query = ["n=\(count)", "last=\(PercentEncoding.encoded(last))"]
        if let namespace = target["ns"] { query.append("ns=\(PercentEncoding.encoded(namespace))") }
        return "<\(path)?\(query.joined(separator: "&"))>; rel=\"next\""
    }
}
