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

    /// Reads a config, through the cache where there is one, so that a later copy does not fetch it again.
    ///
    /// `counting` is told of the bytes that came into the cache for it.
    static func read(
        _ descriptor: Descriptor,
        from source: any ContentSource,
        through cache: ContentCache?,
        counting count: (Int64) -> Void = { _ in }
    ) async throws -> ImageConfig {
        guard descriptor.size <= maximumSize else {
            throw DocumentError(.tooLarge, "the image's config has more than \(maximumSize) bytes")
        }
        var bytes = ByteBuffer()
        if let cache {
            let blob = try await cache.follow(descriptor, from: source)
            while Int64(bytes.readableBytes) < descriptor.size {
                var piece = try await blob.read(at: Int64(bytes.readableBytes), atMost: 256 << 10)
                guard piece.readableBytes > 0 else { break }
                bytes.writeBuffer(&piece)
            }
            if case .downloading = blob.provenance { count(blob.fetched) }
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
    static func first(
        of document: Manifest,
        from source: any ContentSource,
        through cache: ContentCache?,
        depth: Int = 0
    ) async throws -> ImageConfig? {
        switch document.content {
        case .image(let image):
            guard image.config.mediaType.isImageConfig else { return nil }
            return try await read(image.config, from: source, through: cache)
        case .index(let index):
            let images = index.entries.filter { $0.descriptor.mediaType.isManifest && $0.platform?.isUnknown != true }
            guard let entry = images.first, depth < ImageWalk.maximumDepth else { return nil }
            return try await first(
                of: ImageWalk.manifest(entry.descriptor, from: source, cache),
                from: source,
                through: cache,
                depth: depth + 1
            )
        }
    }
}

extension MediaType {
    var isImageConfig: Bool { self == .ociConfig || self == .dockerConfig }
}
