import Cache
import OCI

/// One name of an image, as a line of a list.
struct NamedImage {
    let name: ImageReference
    let image: CachedImage
}

/// Puts names that are read page after page, sorted by repository, into the order in which people look for them: by
/// repository, and within one the newest first.
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
        return TagRank.sorted(pending, by: \.reference.tag)
    }
}
