import Cache
import OCI

/// Something that refers to an image: a signature, an attestation, a list of its parts.
struct Referrer: Sendable {
    let manifest: Manifest
    /// What it is kept under where nothing but its tag says what it refers to: cosign's `sha256-<hex>.sig`.
    var tag: TagName?
}

/// What refers to one manifest at a source.
struct FoundReferrers: Sendable {
    let subject: Digest
    /// All that the source lists, by its interface and by the tag that stands in for it.
    let listed: [Descriptor]
    /// The same with their manifests, and what cosign's tags name.
    let referrers: [Referrer]
    /// What the source lists and does not have: removed there, while its list was forgotten.
    let missing: [Descriptor]
    /// Tags of cosign's that the source lists and does not have.
    let missingTags: [TagName]
    /// Tags that the source may have, and refuses to show.
    let refusedTags: [TagName]
    /// What the source lists and is no manifest of a kind that is mirrored.
    let unread: [Descriptor]
    /// Whether the source has a list, or had one and has none any more: a refused question does not mean that nothing refers to the
    /// subject.
    let hasList: Bool
    /// Why a source that lists what refers to others does not tell it of this one.
    let withheld: String?
    /// What the source has answered instead of a list, and of a refusal, where it has none under a tag either.
    var unheard: String?
    /// Whether it may have more to tell another time.
    let isUntold: Bool

    /// What of it can be given to a target.
    var content: GivenReferrers.Content {
        let digests = { (isListed: Bool) in
            Set(referrers.filter { ($0.tag == nil) == isListed }.map(\.manifest.descriptor.digest))
        }
        return GivenReferrers.Content(listed: digests(true), tagged: digests(false))
    }

    /// What is not copied, one line each.
    func leftOut(by source: any ImageSource) -> [String] {
        let missing = missing.map {
            "\(source.place) lists \($0.digest), which refers to \(subject), and does not have it: it is left "
                + "out until it is there"
        }
        let missingTags = missingTags.map {
            "\(source.place) lists the tag \($0), and does not have it: it is left out until it is there"
        }
        let unread = unread.map {
            "\(source.place) lists \($0.digest) of type \($0.mediaType.description.displaySafe), which refers to "
                + "\(subject) and is no manifest of a kind that is mirrored: it is left out"
        }
        let refusedTags = refusedTags.map {
            "\(source.place) refuses to say whether there is a tag \($0), which may name what refers to \(subject): "
                + "it is left out"
        }
        let withheld = withheld.map {
            "\(source.place) lists what refers to its images, but now not what refers to \(subject), which is left out "
                + "until it does: \($0)"
        }
        let unheard = unheard.map { "what refers to it is left out until it is told: \($0)" }
        return missing + missingTags + refusedTags + unread + [withheld, unheard].compactMap(\.self)
    }
}
