import Cache
package import OCI

/// One tag to be copied: from where, to where, and what of it.
struct CopyJob: Sendable {
    let source: RepositoryReference
    let reference: Reference
    let target: RepositoryReference
    let tag: TagName
    let platforms: [PlatformPattern]
    /// The target's registry does not know the repository yet, so nothing needs to be looked up there.
    let targetIsEmpty: Bool
    /// Signatures, attestations and what else refers to the image are copied with it.
    var includesReferrers = false
    /// The source's tags under which referrers are kept, where the source has been listed.
    var referrerTags: ReferrerTags?
    /// The same of the target.
    var targetReferrerTags: ReferrerTags?
    /// What the source's listing says that the tag is.
    var listed: Digest?
    /// The position of its entry.
    var entry = 0
    /// The platforms that each other entry wants of the same tag; none of an entry that wants all.
    var others: @Sendable () -> [[PlatformPattern]] = { [] }
    /// Whether an entry gives an image one of the target's tags by its name.
    var isWritten: @Sendable (TagName) -> Bool = { _ in false }

    /// The target's tag.
    var place: Names.Place { place(of: tag) }

    /// Another of the target's tags.
    func place(of tag: TagName) -> Names.Place { Names.Place(location: target, tag: tag) }

    /// What the source gives to the target of what refers to a manifest.
    func gift(of subject: Digest) -> GivenReferrers.Gift {
        GivenReferrers.Gift(of: subject, from: source, to: target)
    }
}

/// What a copy came to.
package struct CopyOutcome: Sendable {
    /// What the source's tag pointed at.
    package let source: Descriptor
    /// What the target's tag points at now; another digest than the source's when platforms were chosen.
    package let pushed: Descriptor
    /// Platforms that were asked for and are not there while others are.
    package let missingPlatforms: [PlatformPattern]
    /// How many referrers were copied with it.
    package var referrers = 0
    /// What a person should know of a copy that went well, one line each.
    package var warnings: [String] = []
    /// Whether the target had all of it, so that nothing has changed there.
    var isAlreadyThere = false

    init(_ image: ImageCopy.Image, _ referrers: ReferrerCopy.Outcome, warnings: [String]) {
        source = image.graph.source
        pushed = image.graph.top.descriptor
        missingPlatforms = image.graph.missingPlatforms
        self.referrers = referrers.count
        self.warnings = image.graph.warnings + referrers.warnings + warnings
    }
}
