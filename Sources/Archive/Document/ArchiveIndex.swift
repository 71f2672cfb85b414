import Cache
import NIOCore
import OCI

/// The `index.json` of an archive: what other programs find in it (OCI image-spec 1.1.1, "OCI Image Layout").
///
/// ``ImportedIndex`` reads it, whoever wrote it.
struct ArchiveIndex: ArchiveText {
    /// The largest text that is written and read, in bytes.
    static let maximumSize = 64 << 20

    let images: ImageList
    /// Without a name, so that programs which build their own graph of a layout find them.
    var referrers: [Descriptor] = []
    /// For programs that look for what refers to a manifest under its tag.
    var lists: [ReferrerList] = []

    /// The same bytes for the same images.
    package func write(to target: inout some TextTarget) {
        target.put(#"{"manifests":["#)
        var isFirst = true
        for position in images.indices {
            let name = images.text(at: position)
            put(LayoutEntry.tag(images.descriptor(at: position), named: name), &isFirst, &target)
        }
        for referrer in referrers { put(LayoutEntry.referrer(referrer), &isFirst, &target) }
        for list in lists {
            put(LayoutEntry.list(list.descriptor, named: list.name, key: list.key), &isFirst, &target)
        }
        target.put(#"],"mediaType":"\#(MediaType.ociIndex)","schemaVersion":2}"# + "\n")
    }

    private func put(_ entry: String, _ isFirst: inout Bool, _ target: inout some TextTarget) {
        if !isFirst { target.put(",") }
        target.put(entry)
        isFirst = false
    }
}
