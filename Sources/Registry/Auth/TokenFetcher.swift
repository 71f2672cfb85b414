import Concurrency
import NIOCore
import NIOHTTP1
import OCI

/// Asks token services for tokens.
///
/// The distribution project's token specification; OAuth2 with a refresh token where that is what we have.
struct TokenFetcher: Sendable {
    let service: HostClient
    let memory: AuthorizerMemory

    /// The time by which tokens are renewed.
    var now: Duration { memory.timer.now() }

    /// Whether a token need not be asked for anew yet.
    func isGood(_ token: Token) -> Bool { now < token.renewal }

    /// Asks for a token, unless the password for it has been refused.
    ///
    /// - Throws: ``RegistryError``, `CancellationError`.
    func token(
        _ realm: TokenService,
        scopes: [String],
        credential: Credential?,
        _ context: CallContext
    ) async throws -> Token {
        guard let header = credential?.basicHeader else {
            return try await fetch(realm, scopes: scopes, credential: credential, context)
        }
        return try await memory.passwords.presenting(
            RefusedPasswords.Key(taker: .service(realm), header: header),
            context.step(.getToken),
            logIn: { _ = try await fetch(realm, scopes: [], credential: credential, context) },
            present: { try await fetch(realm, scopes: scopes, credential: credential, context) }
        )
    }

    /// Asks until there is an answer: all who wait for the token try again together, not each by itself.
    private func fetch(
        _ realm: TokenService,
        scopes: [String],
        credential: Credential?,
        _ context: CallContext
    ) async throws -> Token {
        let context = context.step(.getToken)
        guard let credential, case .identity(let secret) = credential.kind else {
            return try await token(Self.request(realm, scopes, credential, context), realm)
        }
        return try await memory.credentials.refreshTokens.exchanging(secret, at: realm) { secret in
            let presented = Credential(kind: .identity(secret), source: credential.source)
            var request = Self.request(realm, [], presented, context)
            request.method = .POST
            request.headers = ["Content-Type": "application/x-www-form-urlencoded"]
            request.body = .bytes(ByteBuffer(string: Self.form(realm, scopes, secret)))
            request.target = .url(realm.realm)
            return try await token(request, realm)
        }
    }

    private func token(_ request: HTTPRequest, _ realm: TokenService) async throws -> Token {
        let context = request.context
        while true {
            do {
                return try await attempt(request, realm, context)
            } catch let error as RegistryError where error.isRetryable || error.isRetriedOnce || error.pause != nil {
                try await context.budget.wait(after: error, context)
            }
        }
    }

    private func attempt(_ request: HTTPRequest, _ realm: TokenService, _ context: CallContext) async throws -> Token {
        let response = try await service.attempt(request)
        let bytes = Array(response.bytes.readableBytesView)
        guard !response.isCut, let token = Token(parsing: bytes, now: now) else {
            let detail = "the token service \(realm.realm.origin) answers without a token"
            var error = context.notUnderstood(response, detail)
            if response.isWebPage { error.detail = "\(detail): \(RegistryError.webPage)" }
            throw error
        }
        return token
    }

    private static func request(
        _ realm: TokenService,
        _ scopes: [String],
        _ credential: Credential?,
        _ context: CallContext
    ) -> HTTPRequest {
        var request = HTTPRequest(context: context, method: .GET, target: .url(realm.realm))
        request.accepted = Set(200..<300)
        request.home = realm.realm
        request.authorization.credential = credential
        var url = realm.realm
        if let name = realm.service { url = url.adding("service", name) }
        for parameter in scopes { url = url.adding("scope", parameter) }
        request.target = .url(url)
        request.authorization.header = credential?.basicHeader
        return request
    }

    private static func form(_ realm: TokenService, _ scopes: [String], _ secret: Secret) -> String {
        let fields = [
            ("grant_type", "refresh_token"),
            ("service", realm.service ?? ""),
            ("client_id", "imglife"),
            ("scope", scopes.joined(separator: " ")),
            ("refresh_token", secret.revealed),
        ]
        return fields.map { "\($0)=\($1.percentEncoded)" }.joined(separator: "&")
    }
}
