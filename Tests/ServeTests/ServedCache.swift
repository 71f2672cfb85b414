import Cache
import Logging
import NIOCore
import OCI
import Serve
import TestSupport

/// A cache with some images in it, and a server of it on a port of its own.
struct ServedCache: Sendable {
    let cache: ContentCache
    let path: String
    let server: Server
    let log: LogText
    let metrics: ServeMetrics

    static func with<R>(
        _ images: [(name: String, image: SampleImage)] = [],
        hosts: Set<RegistryHost> = [],
        limits: ConnectionLimits = .patient,
        status: StatusSource = StatusSource(),
        configuration: ServerConfiguration = .test(),
        _ body: (ServedCache) async throws -> R
    ) async throws -> R {
        let log = LogText(level: .info)
        let metrics = ServeMetrics()
        var configuration = configuration
        configuration.logger = log.logger
        configuration.hosts = hosts
        configuration.limits = limits
        return try await TemporaryDirectory.with { path async throws in
            let place = CacheConfiguration(directory: "\(path)/cache", logger: log.logger)
            return try await ContentCache.with(place) { cache async throws in
                for (name, image) in images { try await cache.load(image, as: ImageReference(name)) }
                return try await Server.with(
                    configuration,
                    CachedContent(cache),
                    metrics: metrics,
                    status: status
                ) { server async throws in
                    let served = ServedCache(
                        cache: cache,
                        path: "\(path)/cache",
                        server: server,
                        log: log,
                        metrics: metrics
                    )
                    return try await body(served)
                }
            }
        }
    }

    var host: RegistryHost {
        get throws { try RegistryHost(server.address) }
    }

    func client(authorityFile: String? = nil, credentials: String? = nil) throws -> RawClient {
        RawClient(try host, authorityFile: authorityFile, credentials: credentials)
    }

    func get(_ uri: String, _ headers: HeaderList = [:]) async throws -> RawAnswer {
        try await client().get(uri, headers)
    }

    /// Where a blob lies in the cache.
    func file(_ digest: Digest) -> String { "\(path)/blobs/\(digest.algorithm.rawValue)/\(digest.hex)" }
}

extension ServerConfiguration {
    /// A server of its own port.
    static func test(
        listen: ListenAddress = .anyPort,
        metricsListen: ListenAddress? = nil,
        tls: TLSFiles? = nil,
        passwordFile: String? = nil
    ) -> ServerConfiguration {
        var configuration = ServerConfiguration(listen: listen, logger: Logger(label: "test"))
        configuration.metricsListen = metricsListen
        configuration.tls = tls
        configuration.passwordFile = passwordFile
        return configuration
    }
}

extension ListenAddress {
    static var anyPort: ListenAddress { ListenAddress("127.0.0.1:0") ?? .standard }
}

extension ContentCache {
    /// Stores an image as a mirror run does.
    func load(_ image: SampleImage, as reference: ImageReference) async throws {
        let source = ImageBlobs(image: image)
        for blob in image.blobs { try await follow(blob.descriptor, from: source).whenCommitted() }
        for part in image.manifests {
            let manifest = try Manifest(
                bytes: part.source.buffer,
                contentType: part.descriptor.mediaType,
                algorithm: part.descriptor.digest.algorithm
            )
            try await store(manifest, from: nil)
        }
        guard let tag = reference.tag else { return }
        try await names.record(tag, of: reference.location, as: image.top)
    }
}

/// The blobs of an image, to be stored.
private struct ImageBlobs: ContentSource {
    struct Unknown: Error {}

    let image: SampleImage
    var place: String { "registry.example.com/app" }

    func manifest(_ descriptor: Descriptor) async throws -> Manifest { throw Unknown() }

    func readBlob(
        _ descriptor: Descriptor,
        from offset: Int64,
        deliver: (ByteBuffer) async throws -> Void
    ) async throws {
        guard let part = image.blobs.first(where: { $0.descriptor == descriptor }) else { throw Unknown() }
        var offset = Int(offset)
        while offset < part.source.count {
            let piece = part.source.read(at: offset, count: 1 << 20)
            try await deliver(piece)
            offset += piece.readableBytes
        }
    }
}

extension ConnectionLimits {
    /// For tests that are not about time: a loaded machine can take long between connecting and sending.
    static var patient: ConnectionLimits {
        var limits = ConnectionLimits()
        limits.head = .seconds(300)
        limits.idle = .seconds(300)
        return limits
    }
}
