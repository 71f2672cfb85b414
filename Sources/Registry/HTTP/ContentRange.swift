/// A `Content-Range` of an answer in bytes.
///
/// RFC 9110, 14.4.
enum ContentRange: Hashable, Sendable {
    /// First and last position, and the whole's size where it is told.
    case range(first: Int64, last: Int64, size: Int64?)
    /// `bytes */N`: the answer to a range that cannot be served.
    case unsatisfied(size: Int64)

    init?(_ text: some StringProtocol) {
        let words = text.split(separator: " ", omittingEmptySubsequences: true)
        guard words.count == 2, words[0].lowercased() == "bytes" else { return nil }
        let parts = words[1].split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        if parts[0] == "*" {
            guard let size = Self.number(parts[1]) else { return nil }
            self = .unsatisfied(size: size)
            return
        }
        let bounds = parts[0].split(separator: "-", omittingEmptySubsequences: false)
        guard bounds.count == 2, let first = Self.number(bounds[0]), let last = Self.number(bounds[1]), first <= last
        else { return nil }
        guard parts[1] != "*" else {
            self = .range(first: first, last: last, size: nil)
            return
        }
        guard let size = Self.number(parts[1]), last < size else { return nil }
        self = .range(first: first, last: last, size: size)
    }

    private static func number(_ text: some StringProtocol) -> Int64? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int64(text)
    }
}

/// The `Range: 0-N` with which a registry says how much of an upload it holds.
///
/// OCI distribution-spec 1.1.1, "Pushing a blob in chunks". Some write `bytes=0-N`.
enum UploadRange {
    /// The number of bytes held; `nil` when the header says nothing that can be used.
    ///
    /// `0-0` is what several registries send for an empty session too, so it counts as nothing.
    static func count(_ text: some StringProtocol) -> Int64? {
        let range = text.hasPrefix("bytes=") ? Substring(text.dropFirst(6)) : Substring(text)
        let bounds = range.split(separator: "-", omittingEmptySubsequences: false)
        guard bounds.count == 2, Int64(bounds[0]) == 0, let last = Int64(bounds[1]),
            (0..<Int64.max).contains(last)
        else { return nil }
        return last == 0 ? 0 : last + 1
    }
}
