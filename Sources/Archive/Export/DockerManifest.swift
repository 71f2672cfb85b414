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

    /// - Returns: `nil` for more than may be read.
    var readable: DockerManifest? { items.count <= Self.maximumImages && byteCount <= Self.maximumSize ? self : nil }
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

extension DockerManifest {
    /// Some images of a cache: of an index with several platforms the first one asked for, else linux/amd64, else the
    /// first.
    ///
    /// - Parameters:
    ///   - images: what is exported.
    ///   - platforms: those asked for, in their order.
    ///   - cache: has them.
    ///   - body: gets each that `docker load` could take, and the place of its name among all.
    /// - Throws: ``CacheError``, `DocumentError`.
    @concurrent
    static func reading(
        _ images: ImageList,
        platforms: [PlatformPattern],
        from cache: ContentCache,
        _ body: (ImageManifest, Int) -> Void
    ) async throws {
        for position in images.indices {
            let top = images.descriptor(at: position)
            let chosen = try image(of: top, platforms: platforms, in: cache, depth: 0)
            guard let chosen, chosen.foreignLayers.isEmpty,
                chosen.config.mediaType == .ociConfig || chosen.config.mediaType == .dockerConfig
            else { continue }
            body(chosen, position)
        }
    }

    private static func image(
        of descriptor: Descriptor,
        platforms: [PlatformPattern],
        in cache: ContentCache,
        depth: Int
    ) throws -> ImageManifest? {
        guard depth < ArchiveClosure.maximumDepth, let manifest = try cache.manifest(descriptor) else { return nil }
        switch manifest.content {
        case .image(let image): return image
        case .index(let index):
            let images = index.entries.filter { $0.descriptor.mediaType.isManifest && $0.platform?.isUnknown != true }
            let wishes = platforms + [try PlatformPattern("linux/amd64")]
            let wished = wishes.lazy.compactMap { pattern in
                images.first { $0.platform.map(pattern.matches) ?? false }
            }
            guard let entry = wished.first ?? images.first else { return nil }
            return try image(of: entry.descriptor, platforms: platforms, in: cache, depth: depth + 1)
        }
    }
}
