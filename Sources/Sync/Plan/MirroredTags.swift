import OCI

/// The tags of an entry that its target holds now: what `imglife eol` reports on.
///
/// Only the target is asked. Its tags are selected as the source's would be: by `tag` or `tag_regex`, which with
/// `os_normalize` are compared with the names that a tag may have had at the source too, and cut to `keep_last`.
struct MirroredTags: Sendable {
    let entry: Configuration.Entry

    /// Newest first; empty when nothing has been mirrored yet, which is not an error.
    ///
    /// - Throws: what the target throws.
    func tags(at target: any ImageTarget) async throws -> [TagName] {
        if let tag = entry.fixedTag, !(entry.normalizesOS && OSVariantTag(tag).kind != .stays) {
            return try await target.resolve(.tag(tag)) == nil ? [] : [tag]
        }
        return selected(from: try await target.tags() ?? [])
    }

    func selected(from present: [TagName]) -> [TagName] {
        let matching = Set(present).filter { !$0.isReferrerTag && isWanted($0) }.map { ListedTag(name: $0) }
        // A fixed tag that `os_normalize` renames is one tag, though earlier versions of it may be there too.
        return NewestRule(limit: entry.fixedTag == nil ? entry.keepLast : 1).apply(to: matching).kept.map(\.name)
    }

    private func isWanted(_ tag: TagName) -> Bool {
        let names = entry.normalizesOS ? [tag] + Self.namesBefore(tag) : [tag]
        return names.contains(where: entry.names)
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
