import Concurrency
import Logging
import NIOHTTP1
import OCI
import Synchronization

/// Somebody's service, a registry, an API or a token service: its handlers, and how much may be asked of it at once.
final class HostClient: Sendable {
    let retry: Retry
    let transport: HTTPTransport
    /// Whether blobs come over one connection each.
    let oneConnection: OneConnection
    /// Whether small blobs are taken in one request each.
    let wholeUploads = WholeUploads()
    /// What has come of taking blobs over from other repositories.
    let mounts = Mounts()
    /// Whether the host takes a blob's bytes before the request that ends the upload only.
    let avoidsWhole = Atomic(false)
    /// The size of the smallest upload request that the host has refused as too large, and taken in smaller parts.
    let refusedSize = Atomic(Int64.max)
    /// Whether the host has said by GET too that something is not there of which HEAD knew nothing.
    let trustsHEAD = Atomic(false)
    /// Whether the host has answered twice with something else when it was asked what refers to a manifest.
    let hasNoLists = Atomic(false)
    /// Whether the host's HEAD names of an index the index.
    let headWord: HeadWord
    private let gate: HostGate
    private let patience: HostPatience
    /// What the host has places for, whichever client asks.
    private let places: RegistryConnections.Places?
    private let leavesRoom: Bool
    private let stack: any HTTPHandler
    /// How long an answer may take that nobody waits for.
    private static let patienceAfterwards = Duration.seconds(5)
    /// The repositories that have taken something, or shown it.
    private let known = Mutex<Set<RepositoryName>>([])

    private init(
        _ name: String,
        limit: Int = ConnectionBudget.first,
        places: RegistryConnections.Places? = nil,
        _ configuration: RegistryConfiguration,
        _ transport: HTTPTransport,
        stack: any HTTPHandler
    ) {
        retry = Retry(configuration)
        // Where there are places for all clients, those are what is counted.
        gate = HostGate(
            places == nil ? ConnectionBudget(maximum: limit) : ConnectionBudget(fixed: limit),
            timer: retry.timer
        )
        self.transport = transport
        headWord = HeadWord(transport.timer)
        self.places = places
        oneConnection = places?.oneConnection ?? OneConnection(retry.timer)
        leavesRoom = configuration.leavesRoom
        patience = HostPatience(gate, retry)
        self.stack = RateLimit(
            next: stack,
            host: name,
            patience: patience,
            places: places?.gate ?? gate,
            retry: retry,
            pauses: transport.pauses
        )
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
        let timer = Timer(configuration.clock)
        let memory = configuration.connections?.memory(of: host, for: configuration) ?? AuthorizerMemory(configuration)
        let fetcher = TokenFetcher(service: tokens, memory: memory)
        let redirects = FollowRedirects(
            next: transport,
            freedom: .full,
            guests: GuestTokens(fetcher),
            pauses: transport.pauses
        )
        let settings = configuration.hosts[meaning: host]
        let authorizer = Authorizer(
            host: host,
            account: endpoint.account(of: host),
            realms: settings?.authRealms ?? [],
            fetcher: fetcher
        )
        self.init(
            host.description,
            limit: settings.limit,
            places: configuration.connections?.places(at: host),
            configuration,
            transport,
            stack: BelievedAbsence(
                next: Authorize(next: Reach(endpoint, next: redirects, timer: timer), authorizer: authorizer),
                timer: timer
            )
        )
    }

    /// A service without challenges: Docker Hub's API, endoflife.date.
    convenience init(_ origin: Origin, configuration: RegistryConfiguration, transport: HTTPTransport) {
        let reach = Reach(
            Endpoint(base: HTTPURL(origin: origin, path: "/")),
            next: FollowRedirects(next: transport, pauses: transport.pauses),
            timer: Timer(configuration.clock)
        )
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

    /// Sends a request once for a task that does not wait for its answer.
    ///
    /// Others wait for its place at the host: it keeps that for some seconds at most.
    func attemptAfterwards(_ request: HTTPRequest) {
        transport.afterwards.begin { [self] in await attemptBriefly(request) }
    }

    /// Sends a request once, whatever comes of it.
    func attemptBriefly(_ request: HTTPRequest) async {
        _ = try? await transport.timer.limit(Self.patienceAfterwards) { try await self.attemptInTime(request) }
    }

    /// Sends a request once, after the time for which those it leads to are left alone.
    func attemptInTime(_ request: HTTPRequest) async throws -> HTTPResponse {
        while true {
            do {
                return try await attempt(request)
            } catch let error as RegistryError where error.isUnsent && !request.context.budget.hasAlternative {
                guard let pause = error.pause, pause <= retry.policy.maximumRetryAfter else { throw error }
                try await retry.timer.sleep(pause)
            }
        }
    }

    /// Sends a request once, and keeps its place at the host until the answer has been used.
    func perform<Result>(
        _ request: HTTPRequest,
        _ use: (HTTPResponse) async throws -> Result
    ) async throws -> Result {
        try patience.check(request)
        if let limit = counted.makesRoom(request.lane) { tell(limit, request) }
        do {
            let waits = !request.context.budget.hasAlternative
            // Uploads that are open come to their end first: so fewer are, and whole images are there sooner.
            let ends = [.PUT, .PATCH].contains(request.method)
            let isLong = request.body.isLong
            return try await gate.pass(request.lane, isLongUpload: isLong, goesFirst: ends, waits: waits) {
                guard let places else { return try await exchange(request, at: gate, use) }
                return try await places.gate.pass(request.lane, isContent: leavesRoom, goesFirst: ends) {
                    try await exchange(request, at: places.gate, use)
                }
            }
        } catch let paused as HostGate.Paused {
            throw patience.refusal(request.context, "it wants no requests for a time", left: paused.left)
        } catch var error as RegistryError where error.kind == .notFound {
            error.isRepositoryThere = known.withLock { $0.contains(error.location.repository) }
            throw error
        }
    }

    /// Takes note that a repository has taken something, or shown it, so that it is there.
    func isThere(_ repository: RepositoryName) { known.withLock { _ = $0.insert(repository) } }

    private func exchange<Result>(
        _ request: HTTPRequest,
        at gate: HostGate,
        _ use: (HTTPResponse) async throws -> Result
    ) async throws -> Result {
        let start = gate.now
        let response = try await stack.send(request)
        let result = try await use(response)
        let isShown = request.method == .HEAD && response.status == 200 && !response.isWebPage
        if isShown || request.method == .PUT, let scope = request.scope { isThere(scope.repository) }
        let claimed = request.method == .HEAD ? 0 : response.contentLength ?? 0
        // A head may say any number, also of what does not come.
        let bytes = request.body.count + min(max(0, claimed), Manifest.maximumContentSize)
        if let limit = gate.ended(request.lane, bytes: bytes, since: start) { tell(limit, request) }
        return result
    }

    private func tell(_ limit: Int, _ request: HTTPRequest) {
        retry.logger.debug(
            "a host is asked so many things at a time from now on",
            metadata: ["host": "\(request.context.location.host)", "count": "\(limit)", "lane": "\(request.lane)"]
        )
    }

    /// Where requests are counted to find out how many there may be.
    private var counted: HostGate { places?.gate ?? gate }

    /// How many requests a far host takes at a time; `nil` where it is not far, or has not answered yet.
    func room(_ lane: Lane) -> Int? { counted.room(lane) }

    /// A place at the host for a request beside others, if one is free that nobody waits for.
    func takePlace(_ lane: Lane) -> HeldPlace? {
        let shared: [HeldPlace.Entrance] = places.map { [($0.gate, leavesRoom)] } ?? []
        return HeldPlace([(gate, false)] + shared, lane)
    }

    /// Sends a request once, in a place that is held already.
    func sendInPlace(_ request: HTTPRequest) async throws -> HTTPResponse {
        try await stack.send(request)
    }
}
