import FoundationEssentials
package import OCI

/// The order of tags, newest first: total, and the same for the same tags in whatever order they come.
///
/// Versions from the highest down, as ``TagVersion`` compares them; then all other tags, the latest date first and
/// those without a date last. Equal dates go by name, numbers by value, the highest first.
package enum TagOrder {
    /// The tags from the newest to the oldest.
    package static func sorted(_ tags: some Sequence<ListedTag>) -> [ListedTag] {
        let keyed = tags.map { tag in
            let rank = TagVersion(tag.name)?.rank
            return Key(tag: tag, isVersion: rank != nil, rank: rank ?? nameRank(tag.name))
        }
        return keyed.sorted(by: precedes).map(\.tag)
    }

    /// Whether their order is one of names only, because they are no versions and their dates tell nothing.
    static func isByName(_ left: ListedTag, _ right: ListedTag) -> Bool {
        TagVersion(left.name) == nil && TagVersion(right.name) == nil
            && (left.date ?? .distantPast) == (right.date ?? .distantPast)
    }

    private struct Key {
        let tag: ListedTag
        let isVersion: Bool
        /// Its version's, which itself takes several times the memory; else its name's.
        let rank: [UInt8]
    }

    /// Bytes that compare as names do whose numbers count by their values: `build-9` before `build-10`.
    private static func nameRank(_ name: TagName) -> [UInt8] {
        var rank: [UInt8] = []
        var rest = name.description.utf8[...]
        while let byte = rest.first {
            let digits = rest.prefix { (0x30...0x39).contains($0) }
            if digits.isEmpty {
                rank.append(byte)
                rest.removeFirst()
            } else {
                rank.append(0x30)
                DecimalNumber(String(decoding: digits, as: UTF8.self)).appendRank(to: &rank)
                rest = rest[digits.endIndex...]
            }
        }
        return rank
    }

    private static func precedes(_ left: Key, _ right: Key) -> Bool {
        if left.isVersion != right.isVersion { return left.isVersion }
        if !left.isVersion {
            let leftDate = left.tag.date ?? .distantPast
            let rightDate = right.tag.date ?? .distantPast
            if leftDate != rightDate { return leftDate > rightDate }
        }
        if left.rank != right.rank { return right.rank.lexicographicallyPrecedes(left.rank) }
        return left.tag.name < right.tag.name
    }
}
