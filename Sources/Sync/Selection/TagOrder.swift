import FoundationEssentials
package import OCI

/// The order of tags, newest first: total, and the same for the same tags in whatever order they come.
///
/// Versions from the highest down, as ``TagVersion`` compares them; then all other tags, the latest date first and
/// those without a date last. Equal dates go by name as ``TagRank`` has it.
package enum TagOrder {
    /// The tags from the newest to the oldest.
    package static func sorted(_ tags: some Sequence<ListedTag>) -> [ListedTag] {
        let sorting = Sorting(Array(tags))
        return sorting.keys.sorted(by: sorting.precedes).map { sorting.tags[$0.position] }
    }

    /// Whether their order is one of names only, because they are no versions and their dates tell nothing.
    static func isByName(_ left: ListedTag, _ right: ListedTag) -> Bool {
        TagVersion(left.name) == nil && TagVersion(right.name) == nil
            && (left.date ?? .distantPast) == (right.date ?? .distantPast)
    }
}

/// Tags, and what they are sorted by: the ranks of all in one piece, as 100,000 small arrays take several times the memory.
private struct Sorting {
    struct Key {
        let position: Int
        let isVersion: Bool
        let rank: Range<Int>
    }

    let tags: [ListedTag]
    private(set) var keys: [Key] = []
    private var ranks: [UInt8] = []

    init(_ tags: [ListedTag]) {
        self.tags = tags
        keys.reserveCapacity(tags.count)
        ranks.reserveCapacity(tags.count * 16)
        for (position, tag) in tags.enumerated() {
            let rank = TagRank(tag.name)
            let start = ranks.count
            ranks += rank.bytes
            keys.append(Key(position: position, isVersion: rank.kind == .version, rank: start..<ranks.count))
        }
    }

    func precedes(_ left: Key, _ right: Key) -> Bool {
        if left.isVersion != right.isVersion { return left.isVersion }
        if !left.isVersion {
            let leftDate = tags[left.position].date ?? .distantPast
            let rightDate = tags[right.position].date ?? .distantPast
            if leftDate != rightDate { return leftDate > rightDate }
        }
        let (leftRank, rightRank) = (ranks[left.rank], ranks[right.rank])
        if leftRank != rightRank { return rightRank.lexicographicallyPrecedes(leftRank) }
        return tags[left.position].name < tags[right.position].name
    }
}
