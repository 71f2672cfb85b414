import Cache
import NIOCore
import OCI

/// The `index.json` of an archive: what other programs find in it (OCI image-spec 1.1.1, "OCI Image Layout"), in both
/// directions.
struct ArchiveIndex {
    /// The largest text that is written and read, in bytes.
    static let maximumSize = 64 << 20

    let images: [ArchiveDocument.Image]
    /// Without a name, so that programs which build their own graph of a layout find them.
    var referrers: [Descriptor] = []
    /// For programs that look for what refers to a manifest under its tag.
    var lists: [ReferrerList] = []

    /// What such a text lists, whoever wrote it.
    ///
    /// - Throws: ``ArchiveRefusal``.
    static func entries(
        _ bytes: ByteBuffer,
        limit: Int = maximumSize
    ) throws(ArchiveRefusal) -> [ImageIndex.Entry] {
        do throws(DocumentError) {
            return try ImageIndex(layout: bytes, limit: limit).entries
        } catch {
            throw ArchiveRefusal("index.json", "is no index that may be used: \(error)")
        }
    }

    /// Its text, as far as it can be read back.
    ///
    /// - Throws: `DocumentError` (`tooLarge`).
    func text(limit: Int = maximumSize) throws(DocumentError) -> [UInt8] {
        let text = encoded
        guard text.count <= limit else {
            throw DocumentError(.tooLarge, "there is too much for one archive; export fewer images at a time")
        }
        return text
    }

    /// The same bytes for the same images.
    var encoded: [UInt8] {
        let entries =
            images.map { Self.entry($0.descriptor, named: "\($0.reference)") }
            + referrers.map { "{" + Self.members($0) }
            + lists.map { Self.entry($0.descriptor, named: "\($0.repository):\($0.tag)") }
        let text =
            #"{"manifests":["# + entries.joined(separator: ",") + #"],"mediaType":"\#(MediaType.ociIndex)","#
            + #""schemaVersion":2}"# + "\n"
        return Array(text.utf8)
    }

    private static func entry(_ descriptor: Descriptor, named name: String) -> String {
        let name = JSONText.quoted(name)
        return #"{"annotations":{"\#(ImageLayout.containerdName)":\#(name),"\#(ImageLayout.referenceName)":\#(name)},"#
            + members(descriptor)
    }

    private static func members(_ descriptor: Descriptor) -> String {
        #""digest":"\#(descriptor.digest)","mediaType":\#(JSONText.quoted("\(descriptor.mediaType)")),"#
            + #""size":\#(descriptor.size)}"#
    }
}
