import OCI
import Registry

/// The tags of an entry that its target holds now: what `imglife eol` reports on.
///
/// Only the target is asked. Its tags are selected as the source's would be: by `tag` or `tag_regex`, which with
/// `os_normalize` are compared with the names that a tag may have had at the source too, and cut to `keep_last`.
struct MirroredTags: Sendable {
    let entry: Configuration.Entry

    /// Newest first; empty when nothing has been mirrored yet, which is not an error.
    ///
    /// - Throws: `RegistryError`, `CancellationError`.
    func tags(at target: Repository) async throws -> [TagName] {
        if case .tag(let tag) = entry.selection, !(entry.normalizesOS && OSVariantTag(tag).kind != .stays) {
            return try await target.resolve(.tag(tag)) == nil ? [] : [tag]
        }
        switch try await target.tags() {
        case .missing: return []
        case .found(let present): return selected(from: present)
        }
    }

    func selected(from present: [TagName]) -> [TagName] {
        let matching = Set(present).filter { !$0.isReferrerTag && isWanted($0) }
        let sorted = TagOrder.sorted(matching.map { ListedTag(name: $0) }).map(\.name)
        return Array(sorted.prefix(limit ?? sorted.count))
    }

    /// A fixed tag that `os_normalize` renames is one tag, though earlier versions of it may be there under other names.
    private var limit: Int? {
        if case .tag = entry.selection { 1 } else { entry.keepLast }
    }

    private func isWanted(_ tag: TagName) -> Bool {
        let names = entry.normalizesOS ? [tag] + Self.namesBefore(tag) : [tag]
        return switch entry.selection {
        case .tag(let wanted): names.contains(wanted)
        case .pattern(let pattern): names.contains { pattern.matches($0) }
        }
    }

    /// The tags that `os_normalize` may have turned into this one.
    private static func namesBefore(_ tag: TagName) -> [TagName] {
        let pieces = tag.description.split(separator: "-", omittingEmptySubsequences: false)
        return pieces.indices.dropFirst().flatMap { cut -> [TagName] in
            let version = pieces[..<cut].joined(separator: "-")
            let system = pieces[cut...].joined(separator: "-")
            guard let front = try? TagName(version), TagVersion(front) != nil, let bare = try? TagName(system),
                OSVariantTag(bare).kind == .bare
            else { return [] }
            let reversed = (try? TagName("\(system)-\(version)")).flatMap {
                OSVariantTag($0).kind == .reversed(tag) ? $0 : nil
            }
            return [bare] + [reversed].compactMap(\.self)
        }
    }
}
