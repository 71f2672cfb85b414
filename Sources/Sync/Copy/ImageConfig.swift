import Cache
import NIOCore
import OCI

/// The few fields of an image's config that tag selection and platform checks need.
///
/// OCI image-spec 1.1.1, "Image configuration".
struct ImageConfig: Sendable {
    /// Larger configs are not read: none is needed, and the bytes are held in memory.
    static let maximumSize: Int64 = 4 << 20

    let platform: Platform?
    let created: String?
    let labels: [String: String]

    init(parsing bytes: ByteBuffer) throws(DocumentError) {
        let root = try JSONValue(parsing: bytes)
        if let os = root["os"]?.string, let architecture = root["architecture"]?.string {
            platform = Platform(
                os: os,
                architecture: architecture,
                variant: root["variant"]?.string,
                osVersion: root["os.version"]?.string
            )
        } else {
            platform = nil
        }
        created = root["created"]?.string
        let members = root["config"]?["Labels"]?.members ?? []
        labels = Dictionary(
            members.compactMap { member in member.value.string.map { (member.key, $0) } },
            uniquingKeysWith: { first, _ in first }
        )
    }
}

/// Reads configs, from the cache where it holds them and else from the source.
struct ConfigReader: Sendable {
    let source: any ContentSource
    /// `nil` asks the source for everything.
    let cache: ContentCache?
    /// Whether what is read is kept in the cache, so that a later copy does not fetch it again.
    var keeps = true
    /// Where it is noted what came into the cache.
    var early: EarlyBytes?

    /// - Throws: ``DocumentError``; what source and cache throw.
    func read(_ descriptor: Descriptor) async throws -> ImageConfig {
        guard descriptor.size <= ImageConfig.maximumSize else {
            throw DocumentError(.tooLarge, "the image's config has more than \(ImageConfig.maximumSize) bytes")
        }
        var bytes = ByteBuffer()
        if let cache, try keeps || cache.contains(descriptor) {
            let blob = try await cache.follow(descriptor, from: source)
            defer { if case .downloading = blob.provenance { early?.add(blob.fetched, of: descriptor.digest) } }
            while Int64(bytes.readableBytes) < descriptor.size {
                var piece = try await blob.read(at: Int64(bytes.readableBytes), atMost: 256 << 10)
                guard piece.readableBytes > 0 else { break }
                bytes.writeBuffer(&piece)
            }
        } else {
            try await source.readBlob(descriptor, from: 0) { bytes.writeImmutableBuffer($0) }
            guard Digest.of(bytes, algorithm: descriptor.digest.algorithm) == descriptor.digest else {
                throw DocumentError(.digestMismatch, "\(source.place) sends other bytes than \(descriptor.digest)")
            }
            source.wasRight(descriptor.digest)
        }
        return try ImageConfig(parsing: bytes)
    }

    /// The config of an image, or of the first image of an index, which may be in an index within it.
    ///
    /// - Returns: `nil` for an index without images, and for artifacts, whose configs are something else.
    /// - Throws: as ``read(_:)``.
    func first(of document: Manifest, depth: Int = 0) async throws -> ImageConfig? {
        switch document.content {
        case .image(let image):
            guard image.config.mediaType.isImageConfig else { return nil }
            return try await read(image.config)
        case .index(let index):
            let images = index.entries.filter { $0.descriptor.mediaType.isManifest && $0.platform?.isUnknown != true }
            guard let entry = images.first, depth < ImageWalk.maximumDepth else { return nil }
            return try await first(of: ImageWalk.manifest(entry.descriptor, from: source, cache), depth: depth + 1)
        }
    }
}

extension MediaType {
    var isImageConfig: Bool { self == .ociConfig || self == .dockerConfig }
}
