package import OCI

/// The names that tags get at the target, as far as tags and digests decide them.
package enum OSNormalization {
    /// A versioned tag that a bare one may be an alias of.
    private struct Candidate {
        let tag: TagName
        let version: TagVersion
    }

    /// The siblings `<version>-<tag>` in the order in which they are preferred: `major.minor` before more parts before
    /// the major alone, and the highest version first.
    ///
    /// The first one with the tag's own digest names it. Empty for a tag that is not bare.
    package static func candidates(for tag: TagName, among siblings: some Sequence<TagName>) -> [TagName] {
        guard OSVariantTag(tag).kind == .bare else { return [] }
        let ending = "-\(tag)"
        let candidates = siblings.compactMap { sibling -> Candidate? in
            let text = sibling.description
            guard text.hasSuffix(ending), let front = try? TagName(text.dropLast(ending.count)),
                let version = TagVersion(front), version.isPlain
            else { return nil }
            return Candidate(tag: sibling, version: version)
        }
        return candidates.sorted(by: isPreferred).map(\.tag)
    }

    /// The target's name for a bare tag from the version that its image names, cut to `major.minor`.
    ///
    /// - Returns: `nil` when that is no version; the name then stays.
    package static func name(for tag: TagName, imageVersion: String) -> TagName? {
        // What a build adds, as semver and Debian write it, has letters that no tag has, and counts for nothing here.
        let release = imageVersion.prefix { !"+~".contains($0) }
        guard let text = try? TagName(release), let version = TagVersion(text) else { return nil }
        return try? TagName("\(version.parts.prefix(2).joined(separator: "."))-\(tag)")
    }

    private static func isPreferred(_ left: Candidate, _ right: Candidate) -> Bool {
        let leftRank = rank(left.version)
        let rightRank = rank(right.version)
        if leftRank != rightRank { return leftRank < rightRank }
        return left.version == right.version ? left.tag < right.tag : left.version > right.version
    }

    private static func rank(_ version: TagVersion) -> Int {
        switch version.parts.count {
        case 2: 0
        case 1: 4
        case let count: count - 2
        }
    }
}
