package import OCI

/// What an import did.
package struct ImportReport: Sendable {
    /// What became of one reference.
    package enum Outcome: Hashable, Sendable {
        /// The cache did not know the name.
        case added
        /// The name stood for another image.
        case moved(from: Digest)
        case unchanged
        /// Volumes that it needs are still to come.
        case waiting
    }

    /// An index of which the archive has some platforms only; the name stands for those.
    package struct Narrowing: Hashable, Sendable {
        /// The index's digest.
        package let index: Digest
        /// In its order, as remote text; without attestations.
        package let held: [Platform]
        package let absent: [Platform]
    }

    /// One reference of the archive.
    package struct Image: Sendable {
        package let reference: ImageReference
        package let descriptor: Descriptor
        package let outcome: Outcome
        /// `nil` when the name stands for what the archive says.
        package let narrowing: Narrowing?
    }

    /// A set of which volumes are still to come.
    package struct Volumes: Hashable, Sendable {
        package let set: Digest
        /// Sorted.
        package let missing: [Int]
        package let count: Int
    }

    /// Those that were published, sorted by reference, and then those that are waited for.
    package var images = Images()
    /// Blobs that the cache did not have, and their bytes.
    package var blobs = 0
    package var bytes: Int64 = 0
    /// Blobs of the archive that were there already.
    package var presentBlobs = 0
    /// `nil` when nothing is missing.
    package var volumes: Volumes?
    /// The set that the archive is a volume of.
    package var set: Digest?
    /// Names that were left out because no pattern matches them, as the archive writes them.
    package var skipped = NameTexts()
    /// Names of what refers to images and was left out because it is not whole, cannot be used or is two things; sorted.
    package var unusable: [String] = []
    /// Names that `--as` took the place of.
    package var replaced = ReplacedNames()
    /// Images that were left out because they have no name; sorted.
    package var unnamed: [Digest] = []
    /// Entries of its index that are no images and were ignored.
    package var foreign = 0
    /// Layers that were left out although the archive has them: whoever wants one fetches it from where its image says.
    package var foreignLayers = 0

    package init() {}
}
