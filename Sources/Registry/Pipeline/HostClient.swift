import AsyncHTTPClient
import Concurrency
import Logging
import NIOCore
import NIOHTTP1
import OCI
import Synchronization

/// One request to a registry before authorization, redirects and the choice of its URL.
struct Call: Sendable {
    /// Where it goes.
    enum Target: Sendable {
        /// Below `/v2/`.
        case path(String, query: String? = nil)
        /// Where the registry has sent us.
        case address(HTTPURL)
    }

    let context: CallContext
    let scope: Scope
    var method: HTTPMethod
    var target: Target
    var headers: HTTPHeaders = [:]
    var body: WireRequest.Body = .none
    /// How much of a successful answer's body is kept, in bytes.
    var limit = HTTPTransport.errorBodyLimit
    /// Whether a successful answer's body is read piece by piece.
    var isStreamed = false

    var lane: Lane { scope.access == .push ? .write : .read }
}

/// An answer, whose body may still be on its way.
enum Reply: Sendable {
    case whole(Answer)
    case stream(HTTPClientResponse, HTTPURL)

    var status: Int {
        switch self {
        case .whole(let answer): answer.status
        case .stream(let response, _): Int(response.status.code)
        }
    }

    var headers: HTTPHeaders {
        switch self {
        case .whole(let answer): answer.headers
        case .stream(let response, _): response.headers
        }
    }

    /// Who answers, after redirects.
    var address: HTTPURL {
        switch self {
        case .whole(let answer): answer.address
        case .stream(_, let address): address
        }
    }
}

/// Everything that the repositories of one registry share: its place, limits and authorization.
final class HostClient: Sendable {
    let host: RegistryHost
    let gate: HostGate
    let retrier: Retrier
    let transport: HTTPTransport
    /// What the host has places for, whichever client asks.
    private let places: RegistryConnections.Places?
    private let leavesRoom: Bool
    private let authorizer: Authorizer
    private let endpoint: Mutex<Endpoint>

    init(
        _ host: RegistryHost,
        endpoint: Endpoint,
        configuration: RegistryConfiguration,
        transport: HTTPTransport
    ) {
        let settings = configuration.hosts[host] ?? HostSettings()
        let timer = Timer(configuration.clock)
        self.host = host
        self.transport = transport
        self.endpoint = Mutex(endpoint)
        places = configuration.connections?.places(at: host)
        leavesRoom = configuration.leavesRoom
        gate = HostGate(limit: settings.maxConnections ?? HostGate.defaultLimit, timer: timer)
        retrier = Retrier(
            policy: configuration.retry,
            timer: timer,
            date: configuration.date,
            logger: configuration.logger
        )
        authorizer = Authorizer(
            host: host,
            credentials: configuration.credentials,
            fetcher: TokenFetcher(
                transport: transport,
                retrier: retrier,
                timer: timer,
                gate: HostGate(limit: HostGate.defaultLimit, timer: timer)
            ),
            timer: timer
        )
    }

    /// Sends a call, with retries, and takes in the whole answer; a status that isn't accepted becomes an error.
    func fetch(_ call: Call, accepting accepted: Set<Int>) async throws -> Answer {
        try await retrier.run(call.context) { try await attempt(call, accepting: accepted) }
    }

    /// Sends a call once.
    func attempt(_ call: Call, accepting accepted: Set<Int>) async throws -> Answer {
        try await perform(call, accepting: accepted) { reply in
            guard case .whole(let answer) = reply else {
                preconditionFailure("only streamed calls give streams")
            }
            return answer
        }
    }

    /// Sends a call once and keeps its place at the gate until the answer has been used.
    func perform<Result>(
        _ call: Call,
        accepting accepted: Set<Int>,
        _ use: (Reply) async throws -> Result
    ) async throws -> Result {
        try await atPlace(call.lane) {
            let (reply, authorization) = try await authorized(call)
            if reply.status != 429, reply.status != 503 { gate.answered() }
            if !accepted.contains(reply.status), case .whole(let answer) = reply {
                throw failure(answer, call, authorization)
            }
            return try await use(reply)
        }
    }

    private func atPlace<Result>(_ lane: Lane, _ body: () async throws -> Result) async throws -> Result {
        try await gate.pass(lane) {
            guard let places else { return try await body() }
            return try await places.take(lane, isContent: leavesRoom, body)
        }
    }

    private func failure(_ answer: Answer, _ call: Call, _ authorization: Authorization) -> any Error {
        if answer.status == 401, let realm = authorization.withheldFrom {
            return call.context.error(
                .unauthorized,
                "its token service \(realm) is another organisation's, so the credentials were not sent there",
                status: 401
            )
        }
        if [401, 403].contains(answer.status), answer.address.origin != endpoint.withLock(\.base.origin) {
            return call.context.error(
                .rejected,
                "it leads to \(answer.address.origin), which refuses the request",
                status: answer.status
            )
        }
        let failure = retrier.failure(
            answer,
            call.context,
            credential: authorization.credential,
            secrets: authorization.secrets,
            gate: gate
        )
        guard var error = failure as? RegistryError, authorization.token != nil else { return failure }
        error.isTokenRefused = true
        return error
    }
}

extension HostClient {
    /// Answers a registry's challenge: once for not having known it, once for a token that has been refused, once for
    /// a token that allows too little.
    ///
    /// Challenges of others, to whom a redirect or an upload's place has led, are not answered.
    private func authorized(_ call: Call) async throws -> (Reply, Authorization) {
        var refusedTokens = 0
        var refusal: (Reply, Authorization)?
        while true {
            let authorization: Authorization
            do {
                authorization = try await call.context.mapping { try await authorizer.authorization(for: call.scope) }
            } catch let error as RegistryError {
                // A token for more may not be had at all; then the registry's own refusal says more.
                guard let refusal, refusal.0.status == 403 else { throw error }
                authorizer.narrow(call.scope)
                return refusal
            }
            // Nothing to answer the challenge with: the refusal stands.
            if let refusal, authorization.header == nil { return (refusal.0, authorization) }
            let (reply, registry) = try await guessed(call, authorization)
            guard [401, 403].contains(reply.status), reply.address.origin == registry else {
                return (reply, authorization)
            }
            if reply.status == 401, authorization.header != nil { refusedTokens += 1 }
            guard try await goesOn(after: reply, authorization, call, registry), refusedTokens < 2 else {
                return (reply, authorization)
            }
            refusal = (reply, authorization)
        }
    }

    /// Whether there is something else to send than what was refused.
    private func goesOn(
        after reply: Reply,
        _ authorization: Authorization,
        _ call: Call,
        _ registry: Origin
    ) async throws -> Bool {
        if reply.status == 403 {
            let isWider = authorizer.widen(call.scope, reply.headers, used: authorization)
            if !isWider { authorizer.narrow(call.scope) }
            return isWider
        }
        return try await call.context.mapping {
            try authorizer.learn(reply.headers, used: authorization, registry: registry)
        }
    }

    /// Sends to the registry's endpoint; a guess that it speaks plain HTTP is corrected once.
    private func guessed(_ call: Call, _ authorization: Authorization) async throws -> (Reply, Origin) {
        let endpoint = endpoint.withLock(\.self)
        guard endpoint.isGuess, case .path = call.target else {
            return (try await followed(call, authorization, endpoint), endpoint.base.origin)
        }
        do {
            let reply = try await followed(call, authorization, endpoint)
            guard reply.status == 400, case .whole(let answer) = reply,
                String(buffer: answer.body).contains("HTTPS server")
            else { return (reply, endpoint.base.origin) }
        } catch let error as RegistryError where error.isBeforeAnswer {
            let reply = try await overTLS(call, authorization, endpoint, after: error)
            self.endpoint.withLock { $0 = endpoint.overTLS }
            return (reply, endpoint.overTLS.base.origin)
        }
        let reply = try await followed(call, authorization, endpoint.overTLS)
        self.endpoint.withLock { $0 = endpoint.overTLS }
        return (reply, endpoint.overTLS.base.origin)
    }

    /// Tries TLS where plain HTTP got no answer; only what TLS itself has to say is worth more than the first error.
    private func overTLS(
        _ call: Call,
        _ authorization: Authorization,
        _ endpoint: Endpoint,
        after first: RegistryError
    ) async throws -> Reply {
        do {
            return try await followed(call, authorization, endpoint.overTLS)
        } catch let error as RegistryError where error.kind == .connection(.certificate) {
            throw error
        } catch {
            throw first
        }
    }

    /// Follows redirects; credentials stay with the registry's own origin.
    private func followed(_ call: Call, _ authorization: Authorization, _ endpoint: Endpoint) async throws -> Reply {
        let registry = endpoint.base.origin
        var redirects = Redirects(registry: registry, context: call.context)
        var address =
            switch call.target {
            case .path(let path, let query): endpoint.address(path, query: query)
            case .address(let address): address
            }
        try redirects.start(at: address)
        while true {
            var request = WireRequest(
                method: call.method,
                address: address,
                headers: call.headers,
                body: call.body,
                lane: call.lane
            )
            if redirects.mayCarryCredentials, let header = authorization.header {
                request.headers.replaceOrAdd(name: "Authorization", value: header.revealed)
            }
            let reply = try await send(request, call)
            guard let next = try redirects.next(reply, from: request) else { return reply }
            address = next
        }
    }

    private func send(_ request: WireRequest, _ call: Call) async throws -> Reply {
        try await call.context.mapping {
            guard call.isStreamed else { return .whole(try await transport.fetch(request, limit: call.limit)) }
            let response = try await transport.open(request)
            guard !(200..<300).contains(response.status.code) else { return .stream(response, request.address) }
            return .whole(
                try await transport.mapping {
                    try await transport.timer.limit(transport.timeout) { [transport] in
                        try await transport.collect(response, request: request, limit: HTTPTransport.errorBodyLimit)
                    }
                }
            )
        }
    }
}
