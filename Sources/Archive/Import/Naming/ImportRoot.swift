import OCI

/// Something without a name that an archive offers: it belongs to an image, or is one that nobody asked for.
struct ImportRoot {
    /// What cosign saves beside an image: a manifest that a tag made of the image's digest leads to.
    struct Attachment {
        let image: Digest
        /// `sig`, `att` or `sbom`.
        let suffix: String

        var tag: TagName? { try? TagName("\(image.algorithm.rawValue)-\(image.hex).\(suffix)") }
    }

    let descriptor: Descriptor
    /// The repository that lists it as referring to another image, where the archive says so.
    var repository: RepositoryReference?
    var attachment: Attachment?
}
