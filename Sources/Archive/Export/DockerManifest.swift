import Cache
import NIOCore
import OCI

/// The content of `manifest.json`, as `docker save` writes it: one image a platform, each a config and its layers.
///
/// ``DockerListing`` reads it, whoever wrote it.
struct DockerManifest {
    /// The largest text that is written and read, in bytes, and the most images of one.
    static let maximumSize = 16 << 20
    static let maximumImages = 20_000

    /// One image, by all of its names.
    private struct Item {
        /// Of its config, and then of its layers.
        let places: [UInt32]
        /// Where they are in the list of all names.
        var names: [UInt32]
    }

    /// The archive's blobs, which the items name by their places.
    private let blobs: BlobList
    private let images: ImageList
    private var items: [Item] = []
    private var positions: [[UInt32]: Int] = [:]

    /// Without images yet.
    init(of images: ImageList, _ blobs: BlobList) {
        self.images = images
        self.blobs = blobs
    }

    var isEmpty: Bool { items.isEmpty }

    /// Adds what a name stands for, whose blobs the archive has.
    mutating func add(_ image: ImageManifest, namedAt name: Int) {
        let places = ([image.config] + image.layers).compactMap { blobs.position(of: $0.digest).map(UInt32.init) }
        if let known = positions[places] {
            items[known].names.append(UInt32(name))
        } else {
            positions[places] = items.count
            items.append(Item(places: places, names: [UInt32(name)]))
        }
    }

    /// Whether it is no more than may be read.
    var isReadable: Bool { items.count <= Self.maximumImages && byteCount <= Self.maximumSize }

    /// - Throws: `DocumentError` for more than may be read.
    func checked() throws(DocumentError) -> DockerManifest {
        guard !isReadable else { return self }
        throw DocumentError(
            .tooLarge,
            "its manifest.json would list \(items.count) images in \(byteCount) bytes, and more than "
                + "\(Self.maximumImages) or \(Self.maximumSize) cannot be read: export fewer images at a time"
        )
    }
}

extension DockerManifest: ArchiveText {
    /// The same bytes for the same images.
    package func write(to target: inout some TextTarget) {
        target.put("[")
        for (position, item) in items.enumerated() {
            target.put(position == 0 ? "{\"Config\":" : ",{\"Config\":")
            for (index, place) in item.places.enumerated() {
                let text = "\"\(ArchiveEntryName.blob(blobs.digest(at: Int(place))))\""
                target.put(index == 0 ? text + ",\"Layers\":[" : index == 1 ? text : "," + text)
            }
            target.put("],\"RepoTags\":[")
            for (index, name) in item.names.enumerated() {
                target.put((index == 0 ? "" : ",") + JSONText.quoted(images.text(at: Int(name))))
            }
            target.put("]}")
        }
        target.put("]\n")
    }
}
