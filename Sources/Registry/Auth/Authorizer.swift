import Concurrency
import OCI
import Synchronization

/// Knows how one registry wants to be asked, and who we are there.
///
/// Learns from the first challenge; from then on requests for any of its repositories carry their authorization from
/// the start.
final class Authorizer: Sendable {
    /// So long nobody asks a registry again that has wanted to know nothing of who we are.
    private static let openness = Duration.seconds(5)

    private let host: RegistryHost
    /// Under whose name credentials are looked for.
    private let account: RegistryHost
    private let realms: [RegistryHost]
    private let fetcher: TokenFetcher
    private var memory: AuthorizerMemory { fetcher.memory }

    init(host: RegistryHost, account: RegistryHost, realms: [RegistryHost], fetcher: TokenFetcher) {
        self.host = host
        self.account = account
        self.realms = realms
        self.fetcher = fetcher
    }

    /// Who we are, as far as requests for a scope are concerned.
    ///
    /// After `refused` was presented in vain whoever knows the credentials is asked once more. Throws
    /// ``CredentialError``.
    func credential(
        for scope: Scope,
        refused: Credential? = nil,
        isAnonymousRefused: Bool = false,
        isDenial: Bool = false
    ) async throws -> Credential? {
        let place = RepositoryReference(host: account, repository: scope.repository)
        return try await memory.credentials.credential(
            for: place,
            refused: refused,
            isAnonymousRefused: isAnonymousRefused,
            isDenial: isDenial
        )
    }

    /// What to send with a request, as far as it is known.
    ///
    /// - Throws: ``CredentialError``, ``RegistryError`` when no token can be had.
    func authorization(
        for scope: Scope,
        as credential: Credential?,
        _ context: CallContext
    ) async throws -> Authorization {
        var authorization = Authorization(
            credential: credential,
            found: credential,
            account: account == host ? nil : account
        )
        if case .bearer(let token) = credential?.kind, !token.isFitForHeader {
            throw CredentialError(
                "the token for \(account) has characters that no token can have, such as a line's end"
            )
        }
        let (own, other, wanted) = memory.state.withLock {
            ($0.learnt.own(scope), $0.learnt.last, $0.learnt.wanted(scope))
        }
        switch own ?? other {
        case nil:
            if case .bearer(let token) = credential?.kind { authorization.header = Secret("Bearer \(token.revealed)") }
        case .basic:
            authorization.header = basicHeader(credential)
        case .bearer(let service):
            do {
                try await fill(&authorization, service, wanted, context)
            } catch let error as RegistryError {
                // Registries get other services, or do without.
                let isRefused = error.isRefusalOfToken
                let isDoubted = memory.state.withLock {
                    $0.learnt.doubt(.bearer(service), for: scope, isRefused: isRefused, at: now)
                }
                if isDoubted { memory.bases.forgetAll() }
                // What another repository's service refuses may be another's to give: the registry is asked first.
                guard own == nil, isRefused else { throw error }
                return authorization
            }
        }
        return authorization
    }

    private var now: Duration { memory.timer.now() }

    private func basicHeader(_ credential: Credential?) -> Secret? {
        (credential?.token(as: .password, at: account) ?? credential)?.basicHeader
    }

    private func fill(
        _ authorization: inout Authorization,
        _ service: TokenService,
        _ scope: Scope,
        _ context: CallContext
    ) async throws {
        guard let credential = authorization.credential, case .bearer(let ready) = credential.kind else {
            return try await fill(&authorization, service, scope, as: authorization.credential, context)
        }
        var refusal: RegistryError?
        for role in memory.state.withLock({ $0.roles.choices(for: credential, scope, at: now) }) {
            guard let presented = credential.token(as: role, at: account), role != .ready else {
                authorization.header = Secret("Bearer \(ready.revealed)")
                return
            }
            do {
                try await fill(&authorization, service, scope, as: presented, context)
                return memory.state.withLock { $0.roles.worked(role, of: credential) }
            } catch let error as RegistryError where error.isRefusalOfToken {
                memory.state.withLock { $0.roles.failed(role, of: credential, for: scope, at: now) }
                refusal = error
            }
        }
        if let refusal { throw refusal }
    }

    private func fill(
        _ authorization: inout Authorization,
        _ service: TokenService,
        _ scope: Scope,
        as credential: Credential?,
        _ context: CallContext
    ) async throws {
        let isWithheld = credential != nil && !service.maySeeCredentials
        let presented = isWithheld ? nil : credential
        let token = try await memory.tokens.value(
            for: AuthorizerMemory.TokenKey(service: service, scope: scope, credential: presented),
            context.step(.getToken),
            isGood: { fetcher.isGood($0) },
            fetch: { try await fetcher.token(service, scopes: scope.parameters, credential: presented, context) }
        )
        authorization.header = Secret("Bearer \(token.secret.revealed)")
        (authorization.token, authorization.service, authorization.scope) = (token, service, scope)
        authorization.credential = presented
        authorization.withheldFrom = isWithheld ? service.realm.origin : nil
    }
}

extension Authorizer {
    /// Takes in the challenge of a 401 to a request that was sent with `used`.
    ///
    /// - Returns: whether there is something else to send than what was refused.
    /// - Throws: ``RealmRefused``.
    func learn(_ response: HTTPResponse, for scope: Scope, used: Authorization) throws -> Bool {
        let takesPassword = response.challenges.contains { $0.scheme == "basic" }
        if let bearer = response.bearerChallenge {
            do {
                let service = try TokenService(bearer, at: response.url, trusted: realms)
                return learn(service, bearer, for: scope, used)
            } catch {
                // Beside a service that is not asked there may be the registry itself.
                guard takesPassword, basicHeader(used.presented) != nil else { throw error }
            }
        }
        guard takesPassword else { return false }
        memory.state.withLock { $0.learnt.learn(.basic, for: scope, at: now) }
        // Not what is known by now: others that were sent beside it may have been told so before.
        return !used.isPassword && used.credential?.isReadyToken != true
    }

    private func learn(_ service: TokenService, _ challenge: Challenge, for scope: Scope, _ used: Authorization) -> Bool
    {
        // Only who says that the token was good, but not enough, means the actions that it names.
        let isTooLittle = used.token != nil && challenge.parameters["error"] == "insufficient_scope"
        let asked = challenge.parameters["scope"]
        memory.state.withLock { state in
            state.learnt.learn(.bearer(service), for: scope, at: now)
            let wider = asked.flatMap { scope.merged(with: $0) ?? (isTooLittle ? scope.widened(by: $0) : nil) }
            if let wider { state.learnt.widen(scope, to: wider) }
        }
        if forgets(used) { return true }
        if let credential = used.readyToken {
            // It is no ready one, at least not for this.
            return memory.state.withLock { state in
                state.roles.failed(.ready, of: credential, for: scope, at: now)
                return state.roles.hasMore(for: credential, scope, at: now)
            }
        }
        return true
    }

    /// Forgets the token that a request was sent with, so that the next one gets another.
    ///
    /// - Returns: whether it was sent with one.
    func forgets(_ used: Authorization) -> Bool {
        guard let token = used.token, let service = used.service, let scope = used.scope else { return false }
        let key = AuthorizerMemory.TokenKey(service: service, scope: scope, credential: used.credential)
        memory.tokens.forget(key) { $0 == token }
        return true
    }

    /// Looks whether a password may be sent to the registry itself; `logIn` tells whether it takes it at its base.
    ///
    /// - Returns, Throws: as ``RefusedPasswords/check(_:_:logIn:)``.
    func check(
        _ ready: Authorization,
        _ context: CallContext,
        logIn: () async throws -> Bool
    ) async throws -> RefusedPasswords.Turn? {
        guard let key = RefusedPasswords.Key(ready) else { return nil }
        return try await memory.passwords.check(key, context, logIn: logIn)
    }

    /// The registry has answered what a request was sent with, and not refused that.
    func heard(_ used: Authorization) {
        if let key = RefusedPasswords.Key(used) { memory.passwords.heard(key) }
    }

    /// The registry does not take what a request was sent with, and there is nothing else.
    func refused(_ response: HTTPResponse, _ context: CallContext) {
        guard let key = RefusedPasswords.Key(response.authorization) else { return }
        memory.passwords.refused(key, by: RegistryError(response, context))
    }

    /// The registry has taken what a request was sent with.
    func accepted(_ used: Authorization) {
        if let key = RefusedPasswords.Key(used) { memory.passwords.accepted(key) }
        guard let credential = used.readyToken else { return }
        memory.state.withLock { $0.roles.worked(.ready, of: credential) }
    }

    /// What the registry answers at its base: asked once for all requests, and again after a while where it gave no challenge.
    func base(_ context: CallContext, _ ask: () async throws -> HTTPResponse) async throws -> HTTPResponse {
        try await memory.bases.value(
            for: host,
            context,
            isGood: { $0.answer.status == 401 || $0.answer.status == 200 && now - $0.at < Self.openness },
            fetch: { (try await ask(), now) }
        ).answer
    }

    /// Takes in the challenge of a 403: some registries name the scope there that a token lacks.
    ///
    /// - Returns: whether there is a token for more to be had than the one that did not suffice.
    func widen(_ scope: Scope, _ response: HTTPResponse) -> Bool {
        let used = response.authorization
        guard used.token != nil else { return false }
        let asked = response.challenges.lazy.filter { $0.scheme == "bearer" }.compactMap { $0.parameters["scope"] }
            .first
        return memory.state.withLock { state in
            if let known = state.learnt.wider(scope) { return known != scope && known != used.scope }
            guard let widened = asked.flatMap({ scope.widened(by: $0) }) else { return false }
            state.learnt.widen(scope, to: widened)
            return true
        }
    }

    /// Asks for no more than usual again, because more was of no use.
    func narrow(_ scope: Scope) {
        memory.state.withLock { if $0.learnt.wider(scope) != nil { $0.learnt.widen(scope, to: scope) } }
    }

}

extension Secret {
    fileprivate var isFitForHeader: Bool { revealed.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F } }
}
