import Synchronization

/// A token service: who gets tokens for what, and which tokens are good.
///
/// One issuer can serve `/token` at one ``ScriptedRegistry`` and guard another one.
package final class TokenIssuer: Sendable {
    /// How it behaves; may change while it runs.
    package struct Rules: Sendable {
        /// User names and passwords.
        package var accounts: [String: String] = [:]
        /// What is granted without credentials.
        package var anonymousActions: Set<String> = ["pull"]
        /// What is granted to those who have an account.
        package var accountActions: Set<String> = ["pull", "push", "delete"]
        /// `expires_in` as it is announced, in seconds; `nil` leaves the member out.
        package var announcedLifetime: Int? = 300
        /// After how many uses a token is refused.
        package var usesPerToken: Int?
        /// Refresh tokens that are good, and whose they are.
        package var refreshTokens: [String: String] = [:]
        /// Whether `POST` (OAuth2) is answered; otherwise with 404, as older services do.
        package var supportsPost = true
        /// Whether a refresh token comes with each token that an account asked for.
        package var issuesRefreshTokens = false
        /// Whether a refresh token is good once alone.
        package var takesRefreshTokensOnce = false
        /// The member that carries the token.
        package var tokenMember = "token"

        package init() {}
    }

    private struct Grant {
        let scopes: [TokenScope]
        var usesLeft: Int?
    }

    private struct State {
        var rules: Rules
        var grants: [String: Grant] = [:]
        var issued: [String] = []
    }

    enum Verdict {
        case good
        case invalid
        case insufficient
    }

    private let state: Mutex<State>

    package init(_ rules: Rules = Rules()) {
        state = Mutex(State(rules: rules))
    }

    package convenience init(accounts: [String: String]) {
        var rules = Rules()
        rules.accounts = accounts
        self.init(rules)
    }

    /// The rules now; setting them does not touch tokens that were issued.
    package var rules: Rules {
        get { state.withLock { $0.rules } }
        set { state.withLock { $0.rules = newValue } }
    }

    /// Makes every token issued so far bad.
    package func expireAllTokens() {
        state.withLock { $0.grants = [:] }
    }

    /// Every token issued so far, in order.
    package var issuedTokens: [String] { state.withLock { $0.issued } }

    /// Uses a token once.
    func check(_ token: String, for needed: [TokenScope]) -> Verdict {
        state.withLock { state in
            guard let grant = state.grants[token] else { return .invalid }
            guard needed.allSatisfy({ need in grant.scopes.contains { $0.covers(need) } }) else {
                return .insufficient
            }
            if let left = grant.usesLeft {
                guard left > 0 else { return .invalid }
                state.grants[token]?.usesLeft = left - 1
            }
            return .good
        }
    }

    private func issue(_ scopes: [TokenScope], account: String?) -> Reply {
        state.withLock { state in
            let rules = state.rules
            let allowed = account == nil ? rules.anonymousActions : rules.accountActions
            let token = "token.\(state.issued.count).\(UInt64.random(in: .min ... .max))"
            state.issued.append(token)
            let granted = scopes.map {
                TokenScope(repository: $0.repository, actions: $0.actions.intersection(allowed))
            }
            state.grants[token] = Grant(scopes: granted, usesLeft: rules.usesPerToken)
            var refresh: String?
            if rules.issuesRefreshTokens, let account {
                let text = "refresh.\(state.issued.count)"
                state.rules.refreshTokens[text] = account
                refresh = JSONText.string(text)
            }
            let lifetime = rules.announcedLifetime.map { ",\"expires_in\":\($0)" } ?? ""
            let refreshed = refresh.map { ",\"refresh_token\":\($0)" } ?? ""
            return .json(200, "{\(JSONText.string(rules.tokenMember)):\"\(token)\"\(lifetime)\(refreshed)}")
        }
    }
}

extension TokenIssuer {
    /// Answers a request to the token service.
    func respond(_ request: RecordedRequest, form: QueryItems) -> Reply {
        request.method == "POST" ? post(form) : get(request)
    }

    private func get(_ request: RecordedRequest) -> Reply {
        let scopes = Self.scopes(request.query)
        guard request.headers["authorization"] != nil else { return issue(scopes, account: nil) }
        let parts = (request.credentials ?? "").split(separator: ":", maxSplits: 1).map(String.init)
        guard parts.count == 2, rules.accounts[parts[0]] == parts[1] else { return .error(401, "UNAUTHORIZED") }
        return issue(scopes, account: parts[0])
    }

    private func post(_ form: QueryItems) -> Reply {
        let rules = self.rules
        guard rules.supportsPost else { return .error(404, "NOT_FOUND") }
        let account: String?
        switch form["grant_type"] {
        case "refresh_token": account = form["refresh_token"].flatMap(owner)
        case "password":
            account = form["username"].flatMap { rules.accounts[$0] == form["password"] ? $0 : nil }
        default: return .json(400, #"{"error":"unsupported_grant_type"}"#)
        }
        guard let account else { return .json(401, #"{"error":"invalid_grant"}"#) }
        return issue(Self.scopes(form), account: account)
    }

    private func owner(ofRefreshToken token: String) -> String? {
        state.withLock { state in
            state.rules.takesRefreshTokensOnce
                ? state.rules.refreshTokens.removeValue(forKey: token) : state.rules.refreshTokens[token]
        }
    }

    private static func scopes(_ items: QueryItems) -> [TokenScope] {
        items.all("scope").flatMap { $0.split(separator: " ") }.compactMap { TokenScope(String($0)) }
    }
}
