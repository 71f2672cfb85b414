import Cache
import OCI

/// One name of an image, as a line of a list.
struct NamedImage {
    let name: ImageReference
    let image: CachedImage
}

/// Puts names that are read page after page into the order in which people look for them: by repository, and within one
/// by version, the newest first; names that are no versions follow.
///
/// Keeps those of one repository, and what other repositories name of the same images.
struct RepositoryOrder {
    /// As the index sorts repositories: by host first.
    private struct Key: Comparable, Hashable {
        let host: String
        let repository: String

        init(_ location: RepositoryReference) {
            host = location.host.description
            repository = location.repository.description
        }

        static func < (left: Key, right: Key) -> Bool {
            left.host == right.host
                ? left.repository.utf8.lexicographicallyPrecedes(right.repository.utf8)
                : left.host.utf8.lexicographicallyPrecedes(right.host.utf8)
        }
    }

    private var pending: [Key: [NamedImage]] = [:]

    /// Takes images in the order of their first names.
    ///
    /// - Returns: the names of all repositories that are complete now.
    mutating func add(_ images: [CachedImage], where isWanted: (ImageReference) -> Bool) -> [NamedImage] {
        for image in images {
            for name in image.references where isWanted(name) {
                pending[Key(name.location), default: []].append(NamedImage(name: name, image: image))
            }
        }
        guard let place = images.last?.references.first.map({ Key($0.location) }) else { return [] }
        return take { $0 < place }
    }

    /// What is left when there are no more images.
    mutating func finish() -> [NamedImage] { take { _ in true } }

    private mutating func take(where isComplete: (Key) -> Bool) -> [NamedImage] {
        pending.keys.filter(isComplete).sorted().flatMap { VersionOrder.sorted(pending.removeValue(forKey: $0) ?? []) }
    }
}

/// Names of one repository by version, the newest first; then other tags by name, and digests last.
enum VersionOrder {
    static func sorted(_ images: [NamedImage]) -> [NamedImage] {
        let ranked = images.map { image in
            (image: image, rank: image.name.tag.flatMap(TagVersion.init)?.rank, text: image.name.description)
        }
        return ranked.sorted { left, right in
            switch (left.rank, right.rank) {
            case (let rank?, let other?) where rank != other: other.lexicographicallyPrecedes(rank)
            case (.some, nil): true
            case (nil, .some): false
            default:
                (left.image.name.tag == nil) == (right.image.name.tag == nil)
                    ? left.text < right.text : left.image.name.tag != nil
            }
        }.map(\.image)
    }
}
