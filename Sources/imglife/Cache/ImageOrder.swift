import Cache
import OCI

/// One name of an image, as a line of a list.
struct NamedImage {
    let name: ImageReference
    let image: CachedImage
}

/// Puts names that are read page after page, sorted by repository, into the order in which people look for them: by
/// repository, and within one by version, the newest first; names that are no versions follow.
///
/// Keeps those of one repository.
struct RepositoryOrder {
    private var pending: [CachedName] = []

    /// - Returns: the names of all repositories that are complete now.
    mutating func add(_ names: some Sequence<CachedName>) -> [CachedName] {
        var complete: [CachedName] = []
        for name in names {
            if let last = pending.last, last.reference.location != name.reference.location { complete += finish() }
            pending.append(name)
        }
        return complete
    }

    /// What is left when there are no more names.
    mutating func finish() -> [CachedName] {
        defer { pending = [] }
        return VersionOrder.sorted(pending, by: \.reference)
    }
}

/// Names of one repository by version, the newest first; then other tags by name, and digests last.
enum VersionOrder {
    static func sorted<Item>(_ items: [Item], by name: (Item) -> ImageReference) -> [Item] {
        let ranked = items.map { item in
            let name = name(item)
            return (item: item, tag: name.tag, rank: name.tag.flatMap(TagVersion.init)?.rank, text: name.description)
        }
        return ranked.sorted { left, right in
            switch (left.rank, right.rank) {
            case (let rank?, let other?) where rank != other: other.lexicographicallyPrecedes(rank)
            case (.some, nil): true
            case (nil, .some): false
            default: (left.tag == nil) == (right.tag == nil) ? left.text < right.text : left.tag != nil
            }
        }.map(\.item)
    }
}
