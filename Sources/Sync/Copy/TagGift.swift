import Cache
import OCI

/// What giving a manifest a tag of a target came to.
struct TagGift: Sendable {
    /// Whether the target has taken it, and did not have it already.
    var isNew = true
    /// One line each.
    var warnings: [String] = []
}

extension ImageCopy {
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
            return TagGift(isNew: try await target.store(manifest, as: tag) != .alreadyThere)
        } catch let error as any TargetRefusal where error.isUntold && former == manifest.descriptor.digest {
            let text =
                "\(target.location):\(tag) was given \(manifest.descriptor.digest) before, which is believed to be there: "
            return TagGift(isNew: false, warnings: [text + "the target neither takes it again nor shows it (\(error))"])
        }
    }

    /// What to tell before a tag is given again what it was given last, and is not any more.
    func warnings(before manifest: Manifest, over present: Digest?) async throws -> [String] {
        guard let present, present != manifest.descriptor.digest,
            try await cache.names.lastCopy(to: job.place) == manifest.descriptor.digest
        else { return [] }
        return [
            "\(target.location):\(job.tag) was given \(manifest.descriptor.digest) before and is \(present) now: somebody else "
                + "writes it too, or the target stores something else than it is given"
        ]
    }
}
