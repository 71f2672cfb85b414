import Concurrency
import FoundationEssentials
import NIOCore
import NIOHTTP1
import OCI

/// Asks token services for tokens.
///
/// The distribution project's token specification; OAuth2 with a refresh token where that is what we have.
struct TokenFetcher: Sendable {
    private static let answerLimit = 64 << 10

    let transport: HTTPTransport
    let retrier: Retrier
    let timer: Timer
    let gate: HostGate

    /// - Throws: ``RegistryError``, `CancellationError`.
    func token(
        _ service: TokenService,
        scope: Scope,
        credential: Credential?,
        location: RepositoryReference
    ) async throws -> Token {
        let request = Self.request(service, scope: scope, credential: credential)
        let context = CallContext(action: .getToken, location: location)
        return try await retrier.run(context) {
            try await gate.pass(.read) {
                let answer = try await send(request, context)
                if answer.status != 429, answer.status != 503 { gate.answered() }
                guard (200..<300).contains(answer.status) else {
                    throw retrier.failure(answer, context, credential: credential, gate: gate)
                }
                guard !answer.isCut,
                    let token = Token(parsing: Array(answer.body.readableBytesView), now: timer.now())
                else {
                    throw noToken(answer, service, context)
                }
                return token
            }
        }
    }

    private func noToken(_ answer: Answer, _ service: TokenService, _ context: CallContext) -> RegistryError {
        var error = context.error(
            .protocolViolation,
            "the token service \(service.realm.origin) answers without a token",
            status: answer.status
        )
        // A login page or a service that is just starting up may stand there for a moment.
        error.isRetriedOnce = true
        return error
    }

    /// Follows redirects within the service's origin only: elsewhere is where attackers send clients.
    private func send(_ first: WireRequest, _ context: CallContext) async throws -> Answer {
        var request = first
        for _ in 0..<5 {
            let answer = try await context.mapping { try await transport.fetch(request, limit: Self.answerLimit) }
            guard [301, 302, 303, 307, 308].contains(answer.status), let location = answer.header("Location") else {
                return answer
            }
            guard let target = request.address.resolving(location), target.origin == request.address.origin,
                request.method == .GET
            else {
                throw context.error(
                    .protocolViolation,
                    "the token service redirects to another place, which is refused"
                )
            }
            request.address = target
        }
        throw context.error(.protocolViolation, "the token service redirects in a circle")
    }

    private static func request(_ service: TokenService, scope: Scope, credential: Credential?) -> WireRequest {
        if case .identity(let secret) = credential?.kind { return exchange(service, scope, secret) }
        var address = service.realm
        if let name = service.service { address = address.adding("service", name) }
        for parameter in scope.parameters { address = address.adding("scope", parameter) }
        var request = WireRequest(method: .GET, address: address, lane: .read)
        if let header = credential?.basicHeader {
            request.headers.add(name: "Authorization", value: header.revealed)
        }
        return request
    }

    private static func exchange(_ service: TokenService, _ scope: Scope, _ secret: Secret) -> WireRequest {
        let fields = [
            ("grant_type", "refresh_token"),
            ("service", service.service ?? ""),
            ("client_id", "imglife"),
            ("scope", scope.parameters.joined(separator: " ")),
            ("refresh_token", secret.revealed),
        ]
        let form = fields.map { "\($0)=\($1.percentEncoded)" }.joined(separator: "&")
        return WireRequest(
            method: .POST,
            address: service.realm,
            headers: ["Content-Type": "application/x-www-form-urlencoded"],
            body: .bytes(ByteBuffer(string: form)),
            lane: .read
        )
    }
}
