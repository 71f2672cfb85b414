import Cache
import OCI

/// The `index.json` of an archive: what other programs find in it (OCI image-spec 1.1.1, "OCI Image Layout").
struct ArchiveIndex {
    let images: [ArchiveDocument.Image]

    /// The same bytes for the same images.
    var encoded: [UInt8] {
        let entries = images.map { Self.entry($0.descriptor, named: "\($0.reference)") }
        let text =
            #"{"manifests":["# + entries.joined(separator: ",") + #"],"mediaType":"\#(MediaType.ociIndex)","#
            + #""schemaVersion":2}"# + "\n"
        return Array(text.utf8)
    }

    private static func entry(_ descriptor: Descriptor, named name: String) -> String {
        let name = JSONText.quoted(name)
        return #"{"annotations":{"\#(ImageLayout.containerdName)":\#(name),"\#(ImageLayout.referenceName)":\#(name)},"#
            + #""digest":"\#(descriptor.digest)","mediaType":\#(JSONText.quoted("\(descriptor.mediaType)")),"#
            + #""size":\#(descriptor.size)}"#
    }
}
