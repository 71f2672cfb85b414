/// The place of a tag among others, as far as its name tells: the newest comes first.
///
/// Versions from the highest down, as ``TagVersion`` compares them; then other tags by name, numbers in it by their value,
/// the highest first. Those under which referrers are kept come last. Equal versions go by their letters.
package struct TagRank: Sendable {
    /// What kinds of tags there are, in their order.
    package enum Kind: Int, Sendable {
        case version
        case word
        case referrer
    }

    package let kind: Kind
    /// What decides between tags of one kind: the larger bytes come first.
    package let bytes: [UInt8]
    private let tag: TagName

    package init(_ tag: TagName) {
        self.tag = tag
        if let version = TagVersion(tag) {
            (kind, bytes) = (.version, version.rank)
        } else {
            (kind, bytes) = (tag.isReferrerTag ? .referrer : .word, Self.rank(ofName: tag))
        }
    }

    /// Whether it comes before another.
    package func precedes(_ other: TagRank) -> Bool {
        if kind != other.kind { return kind.rawValue < other.kind.rawValue }
        if bytes != other.bytes { return other.bytes.lexicographicallyPrecedes(bytes) }
        return tag < other.tag
    }

    /// Items by their tags, the newest first; those without one follow, in the order that they had.
    package static func sorted<Item>(_ items: [Item], by tag: (Item) -> TagName?) -> [Item] {
        let ranked = items.map { (item: $0, rank: tag($0).map(TagRank.init)) }
        return ranked.sorted { left, right in
            guard let rank = left.rank, let other = right.rank else { return left.rank != nil && right.rank == nil }
            return rank.precedes(other)
        }.map(\.item)
    }

    /// Bytes that compare as names do whose numbers count by their values: `build-9` before `build-10`.
    private static func rank(ofName name: TagName) -> [UInt8] {
        var rank: [UInt8] = []
        var rest = name.description.utf8[...]
        while let byte = rest.first {
            let digits = rest.prefix { $0.isASCIIDigit }
            if digits.isEmpty {
                rank.append(byte)
                rest.removeFirst()
            } else {
                rank.append(UInt8(ascii: "0"))
                DecimalNumber(String(decoding: digits, as: UTF8.self)).appendRank(to: &rank)
                rest = rest[digits.endIndex...]
            }
        }
        return rank
    }
}
