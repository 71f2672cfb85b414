package import NIOCore
package import OCI

/// The list of what refers to one manifest, as programs look for it where there is no referrers API (OCI distribution-spec
/// 1.1.1, "Referrers Tag Schema").
package enum ReferrersIndex {
    /// Its text; the same for the same manifests, in whatever order they come.
    package static func text(of manifests: some Sequence<Manifest>) -> ByteBuffer {
        let entries = manifests.sorted { $0.descriptor.digest < $1.descriptor.digest }.map(entry)
        return ByteBuffer(
            string: #"{"schemaVersion":2,"mediaType":"\#(MediaType.ociIndex)","manifests":["#
                + entries.joined(separator: ",") + "]}"
        )
    }

    /// What the text of a list of these manifests, sorted by digest, depends on.
    package static func key(of digests: [Digest]) -> Digest {
        Digest.of(ByteBuffer(string: digests.map { "\($0)\n" }.joined()))
    }

    /// A descriptor with the type and the annotations that the manifest itself has (OCI distribution-spec 1.1.1, "Listing
    /// Referrers").
    private static func entry(_ manifest: Manifest) -> String {
        let type: String?
        let annotations: [String: String]
        switch manifest.content {
        case .image(let image):
            type = image.artifactType ?? image.config.mediaType.description
            annotations = image.annotations
        case .index(let index): (type, annotations) = (index.artifactType, index.annotations)
        }
        let descriptor = manifest.descriptor
        var text = #"{"mediaType":\#(JSONText.quoted("\(descriptor.mediaType)")),"digest":"\#(descriptor.digest)","#
        text += #""size":\#(descriptor.size)"#
        if let type { text += #","artifactType":\#(JSONText.quoted(type))"# }
        if !annotations.isEmpty {
            let pairs = annotations.sorted { $0.key < $1.key }.map { JSONText.quoted($0) + ":" + JSONText.quoted($1) }
            text += #","annotations":{\#(pairs.joined(separator: ","))}"#
        }
        return text + "}"
    }
}
