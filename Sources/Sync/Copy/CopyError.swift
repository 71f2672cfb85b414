package import OCI

/// Why an image could not be copied, where neither a registry nor the cache is to blame.
package struct CopyError: Error, Sendable, CustomStringConvertible {
    /// What is wrong.
    package enum Kind: Sendable {
        case missingTag(Reference, RepositoryReference)
        case missingRepository(RepositoryReference)
        case noPlatform(wanted: [PlatformPattern], offered: [String])
        case notInCache(Reference, RepositoryReference)
        case nothingInCache(RepositoryReference)
        /// What refers to an image cannot be mirrored with it.
        case referrer(String, subject: Digest, reason: String)
        case tooManyReferrers
        /// A list of referrers would take the tag of an image that is named by its own digest.
        case imageInPlaceOfList(ImageReference)
    }

    package let kind: Kind
    /// Whether the target has the image itself.
    var isOfPresentImage = false

    init(_ kind: Kind) {
        self.kind = kind
    }

    /// Whether there is nothing to be copied, rather than that it cannot be told what.
    var isOfNothing: Bool {
        switch kind {
        case .missingTag, .missingRepository, .noPlatform: true
        case .notInCache, .nothingInCache, .referrer, .tooManyReferrers, .imageInPlaceOfList: false
        }
    }

    package var description: String {
        switch kind {
        case .missingTag(let reference, let location):
            "\(location) has no tag '\(reference)': check its name, and whether upstream has removed it"
        case .missingRepository(let location):
            "\(location.host) has no repository '\(location.repository)', or does not show it to this user: "
                + "check 'source' and the credentials"
        case .noPlatform(let wanted, let offered):
            "none of the platforms \(wanted.map(\.description).joined(separator: ", ")) is in the image, which has "
                + (offered.isEmpty ? "none" : offered.prefix(12).joined(separator: ", "))
        case .notInCache(.tag(let tag), let location):
            "the cache does not hold \(location):\(tag): sync or import it first, or leave --offline out"
        case .notInCache(.digest(let digest), let location):
            "the cache does not hold \(location)@\(digest): sync or import it first, or leave --offline out"
        case .nothingInCache(let location):
            "the cache holds no tag of \(location): sync or import it first, or leave --offline out"
        case .referrer(let referrer, let subject, let reason):
            (isOfPresentImage
                ? "the image is mirrored, but not all that refers to it: "
                : "the image is not mirrored without its referrers, and ")
                + "\(referrer) of \(subject) fails: \(reason)"
        case .tooManyReferrers:
            "more than \(ReferrerSearch.maximumCount) signatures, attestations and the like refer to the image: "
                + "leave 'referrers' out for this entry"
        case .imageInPlaceOfList(let image):
            "\(image) is an image, and the registry wants the list of what refers to it under that tag: leave 'referrers' out "
                + "for this entry, or choose another target"
        }
    }
}
