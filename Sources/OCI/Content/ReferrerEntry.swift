/// One entry of a registry's list of what refers to a manifest.
///
/// OCI distribution-spec 1.1.1, "Listing Referrers".
package struct ReferrerEntry: Hashable, Sendable {
    package let descriptor: Descriptor
    package let artifactType: String?
    package let annotations: [String: String]

    package init(descriptor: Descriptor, artifactType: String? = nil, annotations: [String: String] = [:]) {
        self.descriptor = descriptor
        self.artifactType = artifactType
        self.annotations = annotations
    }

    /// As an index of referrers says it.
    package init(_ entry: ImageIndex.Entry) {
        self.init(descriptor: entry.descriptor, artifactType: entry.artifactType, annotations: entry.annotations)
    }

    /// As the manifest itself says: its `artifactType`, else its config's media type; an index may have none.
    package init(_ manifest: Manifest) {
        descriptor = manifest.descriptor
        switch manifest.content {
        case .image(let image):
            artifactType = image.artifactType ?? image.config.mediaType.description
            annotations = image.annotations
        case .index(let index):
            artifactType = index.artifactType
            annotations = index.annotations
        }
    }
}

extension ReferrerEntry {
    /// What the index under a subject's tag lists, in its order; `nil` for anything else: some tools and registries have the
    /// subject itself under that name.
    ///
    /// OCI distribution-spec 1.1.1, "Referrers Tag Schema".
    package static func listed(by manifest: Manifest, of subject: Digest) -> [ReferrerEntry]? {
        guard case .index(let index) = manifest.content, manifest.descriptor.digest != subject else { return nil }
        return index.entries.map(ReferrerEntry.init)
    }
}
