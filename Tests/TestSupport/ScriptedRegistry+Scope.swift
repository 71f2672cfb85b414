import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import OCI

extension ScriptedRegistry {
    /// What a registry starts with.
    package struct Configuration: Sendable {
        package var options = RegistryOptions()
        package var authentication = Authentication.none
        /// What serves `/token`; by default the issuer of a bearer authentication.
        package var tokenIssuer: TokenIssuer?
        /// `nil` means plain HTTP.
        package var tls: TestCertificates.Server?
        /// By which of this machine's names it is reached: `127.0.0.1` or `localhost`.
        package var hostName = "127.0.0.1"
        package var store = RegistryStore()

        package init() {}
    }

    /// Runs a registry on a free port while a closure runs.
    package static func with<R>(
        authentication: Authentication = .none,
        tls: TestCertificates.Server? = nil,
        hostName: String = "127.0.0.1",
        store: RegistryStore = RegistryStore(),
        _ body: (ScriptedRegistry) async throws -> R
    ) async throws -> R {
        var configuration = Configuration()
        configuration.authentication = authentication
        configuration.tls = tls
        configuration.hostName = hostName
        configuration.store = store
        return try await with(configuration, body)
    }

    /// Runs a registry on a free port while a closure runs; every connection is closed afterwards.
    package static func with<R>(
        _ configuration: Configuration,
        _ body: (ScriptedRegistry) async throws -> R
    ) async throws -> R {
        let connections = OpenConnections()
        let registry = Watched<ScriptedRegistry?>(nil)
        let listener = try await listen(configuration, connections, registry)
        let outcome: Result<R, any Error>
        do {
            let host = try RegistryHost("\(configuration.hostName):\(listener.localAddress?.port ?? 0)")
            let running = ScriptedRegistry(configuration, host: host)
            registry.update { $0 = running }
            outcome = .success(try await body(running))
        } catch {
            outcome = .failure(error)
        }
        try? await listener.close()
        await connections.closeAll()
        return try outcome.get()
    }

    private static func listen(
        _ configuration: Configuration,
        _ connections: OpenConnections,
        _ registry: Watched<ScriptedRegistry?>
    ) async throws -> any Channel {
        let tls = try configuration.tls.map { try NIOSSLContext(configuration: $0.serverConfiguration()) }
        return try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let registry = registry.value else { throw ChannelError.ioOnClosedChannel }
                    connections.add(channel)
                    let pipeline = channel.pipeline.syncOperations
                    if let tls { try pipeline.addHandler(NIOSSLServerHandler(context: tls)) }
                    try pipeline.configureHTTPServerPipeline(withErrorHandling: true)
                    try pipeline.addHandler(ConnectionHandler(registry))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }
}
