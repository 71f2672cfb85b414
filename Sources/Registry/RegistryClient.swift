import Concurrency
package import OCI
import Synchronization

/// The HTTP client of registries: connections, limits, tokens and what was learnt about each host.
package final class RegistryClient: Sendable {
    /// Whom a client asks: all requests to one of them share a gate.
    private enum Party: Hashable {
        case registry(RegistryHost)
        /// Something else, beside the registries.
        case service(Origin)
    }

    /// How long what is left to be tidied up at registries may take at the end.
    private static let partingTime = Duration.seconds(2)

    private let configuration: RegistryConfiguration
    private let transport: HTTPTransport
    private let endpoints: [RegistryHost: Endpoint]
    private let clients = Mutex<[Party: HostClient]>([:])
    private let hubs: [RegistryHost: HTTPURL]
    private let hubAPIs = Mutex<[RegistryHost: HubAPI]>([:])

    private init(_ configuration: RegistryConfiguration) throws {
        var endpoints: [RegistryHost: Endpoint] = [:]
        for (host, settings) in configuration.hosts { endpoints[host] = try Endpoint(host: host, settings: settings) }
        var hubs: [RegistryHost: HTTPURL] = [:]
        for host in Set(configuration.hosts.keys).union([.dockerHub]) {
            hubs[host] = try HubAPI.base(of: host, settings: configuration.hosts[meaning: host])
        }
        self.endpoints = endpoints
        self.hubs = hubs
        self.configuration = configuration
        transport = try HTTPTransport(configuration, timer: Timer(configuration.timeoutClock))
    }

    /// Runs a body with a client and shuts the client down afterwards, in every case.
    ///
    /// - Throws: ``RegistryConfigurationError`` for settings that can't be used; otherwise what the body throws.
    package static func with<R>(
        _ configuration: RegistryConfiguration,
        _ body: (RegistryClient) async throws -> R
    ) async throws -> R {
        let client = try RegistryClient(configuration)
        let transport = client.transport
        let result: Result<R, any Error>
        do {
            result = .success(
                try await transport.afterwards.accompanying {
                    try await body(client)
                } patience: {
                    try? await transport.timer.sleep(Self.partingTime)
                }
            )
        } catch { result = .failure(error) }
        await transport.shutdown()
        return try result.get()
    }

    /// A repository, to read from it or also to write to it.
    ///
    /// Sends nothing yet. Whoever is read in a registry's place, as that one's mirror (`registry`) or under its `endpoint`, is
    /// told which one is meant, as containerd does: it may stand in for several.
    package func repository(
        _ location: RepositoryReference,
        for access: Access,
        of registry: RegistryHost? = nil
    ) -> Repository {
        let host = location.host
        let endpoint = endpoints[meaning: host] ?? Endpoint(host)
        let client = client(.registry(host)) {
            HostClient(
                host,
                endpoint: endpoint,
                configuration: configuration,
                transport: transport
            )
        }
        var repository = Repository(location: location, access: access, client: client, hub: hub(for: host))
        let meant = registry ?? host
        if access == .pull, !endpoint.isPlace(of: meant) { repository.namespace = meant }
        return repository
    }

    /// By which delays and pauses are told.
    package var clock: any Clock<Duration> { configuration.clock }

    /// Whether any registry has asked for a pause so far.
    package var wasHeldBack: Bool { transport.pauses.haveBegun }

    /// Whether a registry has asked for a pause that is not over.
    package func isHeldBack(_ host: RegistryHost) -> Bool { transport.pauses.lasts(at: host) }

    /// Comes with each pause that a registry asks for from now on, several at once being one.
    package var pauses: AsyncStream<Void> { transport.pauses.news }

    /// What has been sent and received so far, over all hosts.
    package var traffic: TrafficCounters { transport.traffic.counters }

    /// The request whose answer has been waited for longest; for a display.
    package var oldestRequest: PendingRequest? { transport.traffic.oldest(transport.timer.now()) }

    /// The API that lists a host's tags with their dates, where there is one.
    func hub(for host: RegistryHost) -> HubAPI? {
        guard let base = hubs[meaning: host] else { return nil }
        let service = service(at: base.origin)
        return hubAPIs.withLock {
            $0.remembered(host) { HubAPI(base, service: service, credentials: configuration.credentials) }
        }
    }

    /// Something else than a registry, asked by the same rules.
    func service(at origin: Origin) -> HostClient {
        client(.service(origin)) { HostClient(origin, configuration: configuration, transport: transport) }
    }

    private func client(_ party: Party, _ make: () -> HostClient) -> HostClient {
        clients.withLock { $0.remembered(party, make) }
    }
}

extension Dictionary {
    /// The value for a key, made when it is asked for first.
    mutating func remembered(_ key: Key, _ make: () -> Value) -> Value {
        if let value = self[key] { return value }
        let value = make()
        self[key] = value
        return value
    }
}
