import Concurrency
import FoundationEssentials
import NIOHTTP1
import OCI
import Synchronization

/// What one request was authorized with.
struct Authorization: Sendable {
    /// The `Authorization` header's value.
    var header: Secret?
    /// The token within it, when it came from a token service.
    var token: Token?
    /// What that token was asked for.
    var scope: Scope?
    /// Whose credentials are behind it.
    var credential: Credential?
    /// The token service that was not given the credentials we have.
    var withheldFrom: Origin?
}

/// Authorizes the requests to one registry.
///
/// Learns from the first challenge how the registry wants to be asked; from then on requests for any of its
/// repositories carry their authorization from the start.
final class Authorizer: Sendable {
    /// How the registry wants to be asked.
    private enum Scheme: Hashable {
        case basic
        case bearer(TokenService)
    }

    private struct TokenKey: Hashable {
        let service: TokenService
        let scope: Scope
        let credential: Credential?
    }

    private let host: RegistryHost
    private let credentials: CredentialStore
    private let fetcher: TokenFetcher
    private let timer: Timer
    private let scheme = Mutex<Scheme?>(nil)
    private let tokens = SingleFlight<TokenKey, Token>()
    /// Scopes for which the registry wanted wider ones; those that were asked for in vain stand for themselves.
    private let wider = Mutex<[Scope: Scope]>([:])

    init(host: RegistryHost, credentials: CredentialStore, fetcher: TokenFetcher, timer: Timer) {
        self.host = host
        self.credentials = credentials
        self.fetcher = fetcher
        self.timer = timer
    }

    /// What to send with a request, as far as it is known.
    ///
    /// - Throws: ``CredentialError``, ``RegistryError`` when no token can be had.
    func authorization(for scope: Scope) async throws -> Authorization {
        let location = RepositoryReference(host: host, repository: scope.repository)
        let credential = try await credentials.credential(for: location)
        if case .bearer(let token) = credential?.kind {
            guard token.revealed.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
                throw CredentialError(
                    "the token for \(host) has characters that no token can have, such as a line's end"
                )
            }
            return Authorization(header: Secret("Bearer \(token.revealed)"), credential: credential)
        }
        switch scheme.withLock(\.self) {
        case nil: return Authorization()
        case .basic: return Authorization(header: credential?.basicHeader, credential: credential)
        case .bearer(let service):
            let scope = wider.withLock { $0[scope] ?? scope }
            return try await authorization(service, scope, credential, location)
        }
    }

    private func authorization(
        _ service: TokenService,
        _ scope: Scope,
        _ credential: Credential?,
        _ location: RepositoryReference
    ) async throws -> Authorization {
        let isWithheld = credential != nil && !service.maySeeCredentials
        let presented = isWithheld ? nil : credential
        let key = TokenKey(service: service, scope: scope, credential: presented)
        let token = try await tokens.value(
            for: key,
            isGood: { timer.now() < $0.renewal },
            fetch: {
                try await fetcher.token(service, scope: scope, credential: presented, location: location)
            }
        )
        return Authorization(
            header: Secret("Bearer \(token.secret.revealed)"),
            token: token,
            scope: scope,
            credential: presented,
            withheldFrom: isWithheld ? service.realm.origin : nil
        )
    }

    /// Takes in the challenge of a 401 to a request that was sent with `used`.
    ///
    /// - Returns: whether there is something else to send than what was refused.
    /// - Throws: ``RealmRefused``.
    func learn(_ headers: HTTPHeaders, used: Authorization, registry: Origin) throws -> Bool {
        let challenges = Challenge.parse(headers["WWW-Authenticate"])
        if let bearer = challenges.first(where: { $0.scheme == "bearer" && $0.parameters["realm"] != nil }) {
            if used.header != nil, used.token == nil, case .bearer = used.credential?.kind { return false }
            let service = try TokenService(bearer, registry: registry)
            scheme.withLock { $0 = .bearer(service) }
            if let token = used.token, let scope = used.scope {
                let key = TokenKey(service: service, scope: scope, credential: used.credential)
                tokens.forget(key) { $0 == token }
            }
            return true
        }
        guard challenges.contains(where: { $0.scheme == "basic" }) else { return false }
        let wasBasic = scheme.withLock { scheme in
            defer { scheme = .basic }
            return scheme == .basic
        }
        return !(wasBasic && used.header != nil) && used.credential?.isBearer != true
    }

    /// Takes in the challenge of a 403: some registries name the scope there that a token lacks.
    ///
    /// - Returns: whether there is a token for more to be had than the one that did not suffice.
    func widen(_ scope: Scope, _ headers: HTTPHeaders, used: Authorization) -> Bool {
        guard used.token != nil else { return false }
        let challenges = Challenge.parse(headers["WWW-Authenticate"]).filter { $0.scheme == "bearer" }
        let asked = challenges.lazy.compactMap { $0.parameters["scope"] }.first
        return wider.withLock { wider in
            if let known = wider[scope] { return known != scope && known != used.scope }
            guard let widened = asked.flatMap({ scope.widened(by: $0) }) else { return false }
            wider[scope] = widened
            return true
        }
    }

    /// Asks for no more than usual again, because more was of no use.
    func narrow(_ scope: Scope) {
        wider.withLock { if $0[scope] != nil { $0[scope] = scope } }
    }
}

extension Authorization {
    /// What must not be shown when somebody repeats it.
    var secrets: [Secret] {
        [token?.secret, header.map { Secret(String($0.revealed.drop { $0 != " " }.dropFirst())) }].compactMap(\.self)
    }
}

extension Credential {
    fileprivate var isBearer: Bool {
        if case .bearer = kind { true } else { false }
    }

    /// What must not be shown when somebody repeats it.
    var secrets: [Secret] {
        switch kind {
        case .basic(_, let password):
            [password, basicHeader.map { Secret(String($0.revealed.dropFirst(6))) }].compactMap(\.self)
        case .bearer(let secret), .identity(let secret): [secret]
        }
    }

    /// The value of an `Authorization` header; `nil` for what isn't a password.
    var basicHeader: Secret? {
        guard case .basic(let user, let password) = kind else { return nil }
        return Secret("Basic " + Data("\(user):\(password.revealed)".utf8).base64EncodedString())
    }
}

/// A token service that a registry has named, after a look at the rules.
struct TokenService: Hashable, Sendable {
    let realm: HTTPURL
    let service: String?
    let maySeeCredentials: Bool

    init(_ challenge: Challenge, registry: Origin) throws(RealmRefused) {
        let text = challenge.parameters["realm"] ?? ""
        guard let realm = HTTPURL(text) else {
            throw RealmRefused(realm: text.prefix { $0 != "?" }.displaySafe, reason: "it is not an HTTP address")
        }
        switch RealmPolicy.verdict(realm: realm.origin, registry: registry) {
        case .credentials: maySeeCredentials = true
        case .anonymous: maySeeCredentials = false
        case .refused(let reason): throw RealmRefused(realm: realm.withoutQuery.displaySafe, reason: reason)
        }
        self.realm = realm
        service = challenge.parameters["service"]
    }
}

/// A token service that is not asked.
struct RealmRefused: Error, Sendable {
    let realm: String
    let reason: String
}
