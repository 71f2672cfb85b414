import Concurrency
import NIOHTTP1
import OCI
import Synchronization

/// Somebody's service, a registry, an API or a token service: its handlers, and how much may be asked of it at once.
final class HostClient: Sendable {
    let retry: Retry
    let transport: HTTPTransport
    /// Whether blobs come over one connection each.
    let oneConnection: OneConnection
    private let gate: HostGate
    /// What the host has places for, whichever client asks.
    private let places: RegistryConnections.Places?
    private let leavesRoom: Bool
    private let stack: any HTTPHandler
    private let mounted = Mutex<Set<Mount>>([])
    /// The repositories that have taken something.
    private let pushed = Mutex<Set<RepositoryName>>([])

    private struct Mount: Hashable {
        let digest: Digest
        let repository: RepositoryName
    }

    private init(
        _ name: String,
        limit: Int = HostGate.defaultLimit,
        places: RegistryConnections.Places? = nil,
        _ configuration: RegistryConfiguration,
        _ transport: HTTPTransport,
        stack: any HTTPHandler
    ) {
        retry = Retry(configuration)
        gate = HostGate(limit: limit, timer: retry.timer)
        self.transport = transport
        self.places = places
        oneConnection = places?.oneConnection ?? OneConnection(retry.timer)
        leavesRoom = configuration.leavesRoom
        self.stack = RateLimit(next: stack, host: name, gate: gate, retry: retry)
    }

    /// A registry, with the challenges that it makes.
    convenience init(
        _ host: RegistryHost,
        endpoint: Endpoint,
        configuration: RegistryConfiguration,
        transport: HTTPTransport
    ) {
        let tokens = HostClient(
            "\(host)'s token service",
            configuration,
            transport,
            stack: FollowRedirects(next: transport, freedom: .none)
        )
        let fetcher = TokenFetcher(service: tokens)
        let redirects = FollowRedirects(next: transport, freedom: .full, guests: GuestTokens(fetcher))
        let settings = configuration.hosts[host]
        let authorizer = Authorizer(
            host: host,
            account: endpoint.account(of: host),
            credentials: configuration.credentials,
            realms: settings?.authRealms ?? [],
            fetcher: fetcher
        )
        self.init(
            host.description,
            limit: settings?.maxConnections ?? HostGate.defaultLimit,
            places: configuration.connections?.places(at: host),
            configuration,
            transport,
            stack: Authorize(next: Reach(endpoint, next: redirects), authorizer: authorizer)
        )
    }

    /// A service without challenges: Docker Hub's API, endoflife.date.
    convenience init(_ origin: Origin, configuration: RegistryConfiguration, transport: HTTPTransport) {
        let reach = Reach(Endpoint(base: HTTPURL(origin: origin, path: "/")), next: FollowRedirects(next: transport))
        self.init(origin.authority, configuration, transport, stack: reach)
    }

    /// Sends a request, with retries, and takes in the whole answer.
    func fetch(_ request: HTTPRequest) async throws -> HTTPResponse {
        try await retry.run(request.context) { try await attempt(request) }
    }

    /// Sends a request once.
    func attempt(_ request: HTTPRequest) async throws -> HTTPResponse {
        try await perform(request) { $0 }
    }

    /// Sends a request once, and keeps its place at the host until the answer has been used.
    func perform<Result>(
        _ request: HTTPRequest,
        _ use: (HTTPResponse) async throws -> Result
    ) async throws -> Result {
        do {
            let result = try await gate.pass(request.lane) {
                guard let places else { return try await use(try await stack.send(request)) }
                return try await places.take(request.lane, isContent: leavesRoom) {
                    try await use(try await stack.send(request))
                }
            }
            if request.method == .PUT, let scope = request.scope {
                _ = pushed.withLock { $0.insert(scope.repository) }
            }
            return result
        } catch var error as RegistryError where error.kind == .notFound {
            error.isRepositoryThere = pushed.withLock { $0.contains(error.location.repository) }
            throw error
        }
    }

    /// A place at the host for a request beside others, if one is free that nobody waits for.
    func takePlace(_ lane: Lane) -> HeldPlace? {
        HeldPlace([gate] + (places?.gates(isContent: leavesRoom) ?? []), lane)
    }

    /// Sends a request once, in a place that is held already.
    func sendInPlace(_ request: HTTPRequest) async throws -> HTTPResponse {
        try await stack.send(request)
    }

    func note(mounted digest: Digest, in repository: RepositoryName) {
        mounted.withLock { _ = $0.insert(Mount(digest: digest, repository: repository)) }
    }

    func hasMounted(_ digest: Digest, in repository: RepositoryName) -> Bool {
        mounted.withLock { $0.contains(Mount(digest: digest, repository: repository)) }
    }
}
