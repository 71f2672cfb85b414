/// What a token in `IMGLIFE_<HOST>_TOKEN` may be good for: registries call different things so.
enum TokenRole: Hashable, Sendable, CaseIterable {
    /// A password, such as an access token of GitHub, GitLab or Quay.
    case password
    /// An OAuth2 refresh token.
    case refresh
    /// A ready Bearer token.
    case ready
}

/// In which roles the tokens of one host have worked, and in which they were refused.
///
/// A role that has worked is the token's for good. One that was refused was refused for a repository: that the token may not
/// see that one says nothing of others, and after a while nothing of that one either.
struct TokenRoles {
    private struct Use: Hashable {
        let credential: Credential
        let scope: Scope
    }

    /// More are forgotten: who serves others is asked for ever new repositories.
    private static let maximumRefusals = 4096

    /// So long a refusal counts.
    private static let patience = Duration.seconds(30)

    private var proven: [Credential: TokenRole] = [:]
    /// When.
    private var refused: [Use: [TokenRole: Duration]] = [:]

    /// The roles to be tried, first choice first; never none, as who has credentials does not ask without them.
    func choices(for credential: Credential, _ scope: Scope, at now: Duration) -> [TokenRole] {
        let open = open(for: credential, scope, now)
        return open.isEmpty ? [proven[credential] ?? .ready] : open
    }

    /// Whether there is a role left that was not refused for this.
    func hasMore(for credential: Credential, _ scope: Scope, at now: Duration) -> Bool {
        !open(for: credential, scope, now).isEmpty
    }

    private func open(for credential: Credential, _ scope: Scope, _ now: Duration) -> [TokenRole] {
        let all = proven[credential].map { [$0] } ?? (credential.isReadyToken ? [.ready] : TokenRole.allCases)
        let refused = refused[Use(credential: credential, scope: scope)] ?? [:]
        return all.filter { role in refused[role].map { now - $0 >= Self.patience } ?? true }
    }

    mutating func worked(_ role: TokenRole, of credential: Credential) {
        if proven[credential] == nil { proven[credential] = role }
    }

    mutating func failed(_ role: TokenRole, of credential: Credential, for scope: Scope, at now: Duration) {
        // It is asked for again as often as somebody wants it: that may have changed.
        guard proven[credential] == nil || role == .ready else { return }
        if refused.count >= Self.maximumRefusals { refused = [:] }
        refused[Use(credential: credential, scope: scope), default: [:]][role] = now
    }
}

extension Credential {
    /// Whether it can be nothing but a ready Bearer token, as docker's `registrytoken`.
    var isReadyToken: Bool {
        guard case .bearer = kind else { return false }
        if case .environment = source { return false }
        return true
    }
}
