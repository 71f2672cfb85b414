import Cache
import CacheSupport
import Logging
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
        page: (any FrontPage)? = nil,
        configuration: ServerConfiguration = .test(),
        _ body: (ServedCache) async throws -> R
    ) async throws -> R {
        let log = LogText(level: .info)
        let metrics = ServeMetrics()
        var configuration = configuration
        configuration.logger = log.logger
        configuration.hosts = { hosts }
        configuration.limits = limits
        return try await TemporaryDirectory.with { path async throws in
            let place = CacheConfiguration(directory: "\(path)/cache", logger: log.logger)
            return try await ContentCache.with(place) { cache async throws in
                for (name, image) in images { try await cache.load(image, as: ImageReference(name)) }
                return try await Server.with(
                    configuration,
                    CachedContent(cache),
                    metrics: metrics,
                    status: status,
                    page: page
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

extension ConnectionLimits {
    /// For tests that are not about time: a loaded machine can take long between connecting and sending.
    static var patient: ConnectionLimits {
        var limits = ConnectionLimits()
        limits.head = .seconds(300)
        limits.idle = .seconds(300)
        return limits
    }
}
