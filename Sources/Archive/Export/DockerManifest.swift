import Cache
import FoundationEssentials
import NIOCore
import OCI

/// The content of `manifest.json`, as `docker save` writes it: one image a platform, each a config and its layers; in
/// both directions.
struct DockerManifest: Encodable {
    /// The largest text that is written and read, in bytes, and the most images of one.
    static let maximumSize = 64 << 20
    static let maximumImages = 20_000

    /// One image, by all of its names.
    struct Item: Encodable {
        let config: String
        var repoTags: [String]
        let layers: [String]

        enum CodingKeys: String, CodingKey {
            case config = "Config"
            case repoTags = "RepoTags"
            case layers = "Layers"
        }
    }

    private struct Key: Hashable {
        let config: String
        let layers: [String]
    }

    private(set) var items: [Item] = []
    /// Configs and layers, each once, in the order of the images.
    private(set) var blobs: [ArchiveDocument.Blob] = []
    private var seen: Set<Digest> = []
    private var positions: [Key: Int] = [:]

    mutating func add(_ image: ImageManifest, as reference: ImageReference) {
        let config = "\(ArchiveEntryName.blob(image.config.digest))"
        let layers = image.layers.map { "\(ArchiveEntryName.blob($0.digest))" }
        if let known = positions[Key(config: config, layers: layers)] {
            items[known].repoTags.append(reference.description)
        } else {
            positions[Key(config: config, layers: layers)] = items.count
            for blob in [image.config] + image.layers where seen.insert(blob.digest).inserted {
                blobs.append(.init(digest: blob.digest, size: blob.size))
            }
            items.append(Item(config: config, repoTags: [reference.description], layers: layers))
        }
    }

    func encode(to encoder: any Encoder) throws {
        try items.encode(to: encoder)
    }

    /// - Returns: `nil` for more than may be read.
    func text() throws -> [UInt8]? {
        guard items.count <= Self.maximumImages else { return nil }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let text = try Array(encoder.encode(self)) + [UInt8(ascii: "\n")]
        return text.count <= Self.maximumSize ? text : nil
    }

    /// What such a text lists, whoever wrote it: an object for each image.
    ///
    /// - Throws: ``DocumentError``.
    static func items(_ bytes: ByteBuffer) throws(DocumentError) -> [JSONValue] {
        guard bytes.readableBytes <= maximumSize else {
            throw DocumentError(.tooLarge, "has more than \(maximumSize) bytes")
        }
        var items: [JSONValue] = []
        let root = try JSONValue(parsing: bytes, streaming: [""]) { _, item throws(DocumentError) in
            guard items.count < maximumImages else {
                throw DocumentError(.tooLarge, "lists more than \(maximumImages) images")
            }
            items.append(item)
        }
        guard root.elements != nil else { throw DocumentError(.structure, "is not a list") }
        return items
    }
}

extension DockerManifest {
    /// Some images of a cache: of an index with several platforms the first one asked for, else linux/amd64, else the
    /// first.
    ///
    /// - Returns: `nil` when none of them is an image that `docker load` could take.
    @concurrent
    static func reading(
        _ images: [ArchiveDocument.Image],
        platforms: [PlatformPattern],
        from cache: ContentCache
    ) async throws -> DockerManifest? {
        var document = DockerManifest()
        for image in images {
            let chosen = try self.image(of: image.descriptor, platforms: platforms, in: cache, depth: 0)
            guard let chosen, chosen.foreignLayers.isEmpty,
                chosen.config.mediaType == .ociConfig || chosen.config.mediaType == .dockerConfig
            else { continue }
            document.add(chosen, as: image.reference)
        }
        return document.items.isEmpty ? nil : document
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
