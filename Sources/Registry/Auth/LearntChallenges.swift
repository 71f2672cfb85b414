import OCI

/// What the challenges of one registry have said, for its repositories: one name may stand before several registries.
struct LearntChallenges {
    /// How the registry wants to be asked.
    enum Scheme: Hashable {
        case basic
        case bearer(TokenService)
    }

    /// How many repositories are remembered: whoever serves others is asked for ever new ones.
    static let capacity = 4096
    /// So long a challenge is believed although its service gives no token.
    private static let patience = Duration.seconds(10)

    /// What was heard last, of whichever repository.
    private(set) var last: Scheme?
    /// What was heard of each, and when.
    private var schemes: [RepositoryName: (scheme: Scheme, at: Duration)] = [:]
    /// Scopes for which the registry wanted wider ones; those that were asked for in vain stand for themselves.
    private var wider: [Scope: Scope] = [:]

    /// What a repository's own challenge has said.
    func own(_ scope: Scope) -> Scheme? { schemes[scope.repository]?.scheme }

    func wider(_ scope: Scope) -> Scope? { wider[scope] }

    func wanted(_ scope: Scope) -> Scope { wider[scope] ?? scope }

    mutating func learn(_ scheme: Scheme, for scope: Scope, at now: Duration) {
        // Of all repositories that are told the same the text is kept once.
        let scheme = last == scheme ? last ?? scheme : scheme
        if schemes.count >= Self.capacity { schemes = [:] }
        schemes[scope.repository] = (scheme, now)
        last = scheme
    }

    mutating func widen(_ scope: Scope, to wide: Scope) {
        if wider.count >= Self.capacity { wider = [:] }
        wider[scope] = wide
    }

    /// Has the registry be asked again how it wants to be, where that was heard a while ago.
    ///
    /// - Returns: whether it is to be asked again.
    mutating func doubt(_ scheme: Scheme, for scope: Scope, isRefused: Bool, at now: Duration) -> Bool {
        if let known = schemes[scope.repository] {
            guard now - known.at >= Self.patience else { return false }
            schemes[scope.repository] = nil
        } else if isRefused {
            return false
        }
        if last == scheme { last = nil }
        return true
    }
}
