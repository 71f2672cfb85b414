import OCI

/// What giving a manifest a tag of a target came to.
struct TagGift: Sendable {
    /// Whether the target has taken it, and did not have it already.
    var isNew = true
    /// One line each.
    var warnings: [String] = []
}

extension ImageTarget {
    /// Stores a manifest under a tag, where perhaps no tag can be written twice, and what is vulnerable is not shown.
    ///
    /// - Parameters:
    ///   - manifest: what is stored.
    ///   - tag: the tag.
    ///   - former: what the tag is known to have been given last; it is believed to be there where the target neither takes it
    ///     again nor tells what it has.
    /// - Returns: what it came to.
    /// - Throws: what the target throws.
    func give(_ manifest: Manifest, as tag: TagName, after former: Digest?) async throws -> TagGift {
        do {
            return TagGift(isNew: try await store(manifest, as: tag) != .alreadyThere)
        } catch let error as any TargetRefusal where error.isUntold && former == manifest.descriptor.digest {
            let text =
                "\(location):\(tag) was given \(manifest.descriptor.digest) before, which is believed to be there: "
            return TagGift(isNew: false, warnings: [text + "the target neither takes it again nor shows it (\(error))"])
        }
    }
}
