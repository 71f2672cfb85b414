import Concurrency
package import OCI
import Synchronization

/// The HTTP client of registries: connections, limits, tokens and what was learnt about each host.
package final class RegistryClient: Sendable {
    private let configuration: RegistryConfiguration
    private let transport: HTTPTransport
    private let endpoints: [RegistryHost: Endpoint]
    private let hosts = Mutex<[RegistryHost: HostClient]>([:])
    private let services: Services
    private let hubs: [RegistryHost: HubAPI]
    private init(_ configuration: RegistryConfiguration) throws {
        var endpoints: [RegistryHost: Endpoint] = [:]
        for (host, settings) in configuration.hosts { endpoints[host] = try Endpoint(host: host, settings: settings) }
        self.endpoints = endpoints
        self.configuration = configuration
        transport = try HTTPTransport(configuration, timer: Timer(configuration.timeoutClock))
        let services = Services(configuration, transport)
        var hubs: [RegistryHost: HubAPI] = [:]
        for host in Set(configuration.hosts.keys).union([.dockerHub]) {
            guard let base = try HubAPI.base(of: host, settings: configuration.hosts[host]) else { continue }
            hubs[host] = HubAPI(base, service: services[base.origin], credentials: configuration.credentials)
        }
        self.hubs = hubs
        self.services = services
    }

    /// Runs a body with a client and shuts the client down afterwards, in every case.
    ///
    /// - Throws: ``RegistryConfigurationError`` for settings that can't be used; otherwise what the body throws.
    package static func with<Result>(
        _ configuration: RegistryConfiguration,
        _ body: (RegistryClient) async throws -> Result
    ) async throws -> Result {
        let client = try RegistryClient(configuration)
        let result: Result
        do {
            result = try await body(client)
        } catch {
            await client.transport.shutdown()
            throw error
        }
        await client.transport.shutdown()
        return result
    }

    /// A repository, to read from it or also to write to it.
    ///
    /// Sends nothing yet.
    package func repository(_ location: RepositoryReference, for access: Access) -> Repository {
        Repository(location: location, access: access, client: client(of: location.host))
    }

    /// What has been sent and received so far, over all hosts.
    package var traffic: TrafficCounters { transport.traffic.counters }

    /// The request whose answer has been waited for longest; for a display.
    package var oldestRequest: PendingRequest? { transport.traffic.oldest(transport.timer.now()) }

    /// The API that lists a host's tags with their dates, where there is one.
    func hub(for host: RegistryHost) -> HubAPI? { hubs[host] }

    /// Something else than a registry, asked by the same rules.
    func service(at origin: Origin) -> HostClient { services[origin] }

    private func client(of host: RegistryHost) -> HostClient {
        hosts.withLock { hosts in
            if let client = hosts[host] { return client }
            let client = HostClient(
                host,
                endpoint: endpoints[host] ?? Endpoint(host),
                configuration: configuration,
                transport: transport
            )
            hosts[host] = client
            return client
        }
    }
}

/// The services beside the registries, one for each origin, so that all requests to it share one gate.
private final class Services: Sendable {
    private let configuration: RegistryConfiguration
    private let transport: HTTPTransport
    private let clients = Mutex<[Origin: HostClient]>([:])

    init(_ configuration: RegistryConfiguration, _ transport: HTTPTransport) {
        self.configuration = configuration
        self.transport = transport
    }

    subscript(origin: Origin) -> HostClient {
        clients.withLock { clients in
            if let client = clients[origin] { return client }
            let client = HostClient(origin, configuration: configuration, transport: transport)
            clients[origin] = client
            return client
        }
    }
}
