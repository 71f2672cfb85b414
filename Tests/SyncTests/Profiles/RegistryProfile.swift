import OCI
import Registry
import TestSupport

/// How one registry in the field behaves, for a scripted one to play; each has a file and a suite of its own.
struct RegistryProfile: Sendable {
    /// Those who play.
    struct Players: Sendable {
        /// The registry itself.
        let registry: ScriptedRegistry
        /// What stands beside it and shares what it holds: a content network, a token service, who it stands before.
        let beside: ScriptedRegistry
        /// Knows the user.
        let issuer: TokenIssuer
        let side: Side
    }

    /// Where it stands in a sync.
    enum Side: CaseIterable, Sendable {
        case source
        case target
    }

    var repository: RepositoryName = "team/app"
    var user = "ci"
    /// What it asks of its clients.
    var authentication: @Sendable (TokenIssuer, _ beside: ScriptedRegistry) -> Authentication = { _, _ in .none }
    /// What it does otherwise than the specification says, after the usual ways have been set.
    var play: @Sendable (Players) -> Void = { _ in }
    /// How it is reached.
    var settings: @Sendable (Players) -> HostSettings? = { _ in nil }
    /// Whether as a target it does not say what it holds: then all is pushed again.
    var isSecretive = false
}

extension RegistryProfile.Players {
    func script(
        _ method: String?,
        _ path: RequestMatch.Path,
        times: Int? = nil,
        where condition: @escaping @Sendable (RecordedRequest) -> Bool = { _ in true },
        _ action: Action
    ) {
        registry.script(RequestMatch(method, path, times: times, where: condition), action)
    }

    /// Whether a request is for a repository or a manifest that is not there.
    func lacks(_ request: RecordedRequest) -> Bool {
        let parts = request.path.split(separator: "/").map(String.init)
        guard let end = parts.firstIndex(where: { ["manifests", "tags"].contains($0) }), end > 1,
            let name = try? RepositoryName(parts[1..<end].joined(separator: "/"))
        else { return false }
        guard parts[end] == "manifests" else { return !registry.store.repositories.contains(name.description) }
        if let digest = try? Digest(parts[end + 1]) { return registry.store.manifest(digest, in: name) == nil }
        return registry.store.tags(of: name)[parts[end + 1]] == nil
    }
}
