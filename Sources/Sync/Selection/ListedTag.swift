package import FoundationEssentials
package import OCI

/// A tag as an upstream listing shows it, with what the listing happens to know about it.
package struct ListedTag: Hashable, Sendable {
    package let name: TagName
    /// When it was pushed, or its image created; `nil` when nobody has asked yet.
    package let date: Date?
    /// The digest it pointed at when it was listed.
    package let digest: Digest?
    /// The digests of its platforms' images, where the listing names them.
    package let images: Set<Digest>

    package init(name: TagName, date: Date? = nil, digest: Digest? = nil, images: Set<Digest> = []) {
        self.name = name
        self.date = date
        self.digest = digest
        self.images = images
    }
}

/// The order of tags, newest first: total, and the same for the same tags in whatever order they come.
///
/// Versions from the highest down, as ``TagVersion`` compares them; then all other tags, the latest date first and
/// those without a date last; what is still equal goes by name.
package enum TagOrder {
    /// The tags from the newest to the oldest.
    package static func sorted(_ tags: some Sequence<ListedTag>) -> [ListedTag] {
        let keyed = tags.map { Key(tag: $0, rank: TagVersion($0.name)?.rank) }
        return keyed.sorted(by: precedes).map(\.tag)
    }

    private struct Key {
        let tag: ListedTag
        /// Its version's; the version itself takes several times the memory.
        let rank: [UInt8]?
    }

    private static func precedes(_ left: Key, _ right: Key) -> Bool {
        switch (left.rank, right.rank) {
        case (let leftRank?, let rightRank?):
            if leftRank != rightRank { return rightRank.lexicographicallyPrecedes(leftRank) }
        case (.some, nil):
            return true
        case (nil, .some):
            return false
        case (nil, nil):
            let leftDate = left.tag.date ?? .distantPast
            let rightDate = right.tag.date ?? .distantPast
            if leftDate != rightDate { return leftDate > rightDate }
        }
        return left.tag.name < right.tag.name
    }
}
