import OCI

/// Credentials in environment variables: `IMGLIFE_<HOST>_USERNAME` and `_PASSWORD`, or `_TOKEN`; and GitLab's job token.
struct EnvironmentCredentials: Sendable {
    private let environment: [String: String]

    static let none = EnvironmentCredentials()

    private init() {
        environment = [:]
    }

    /// - Throws: ``CredentialError`` that lists every half-set pair.
    init(_ environment: [String: String]) throws(CredentialError) {
        self.environment = environment.filter { name, value in
            !value.isEmpty && (CredentialStore.reads(name) || name == "CI_REGISTRY")
        }
        let problems = Self.halfSetPairs(self.environment)
        guard problems.isEmpty else { throw CredentialError(problems) }
    }

    func credential(for host: RegistryHost) -> Credential? {
        guard !environment.isEmpty else { return nil }
        for prefix in Self.prefixes(for: host) {
            if let credential = credential(prefix: prefix) { return credential }
        }
        guard let token = environment["CI_JOB_TOKEN"], let registry = environment["CI_REGISTRY"],
            (try? RegistryHost(registry)) == host
        else { return nil }
        return Credential(
            kind: .basic(user: "gitlab-ci-token", password: Secret(token)),
            source: .continuousIntegration
        )
    }

    private func credential(prefix: String) -> Credential? {
        let source = Credential.Source.environment(prefix: prefix)
        if let user = environment[prefix + "_USERNAME"], let password = environment[prefix + "_PASSWORD"] {
            return Credential(kind: .basic(user: user, password: Secret(password)), source: source)
        }
        guard let token = environment[prefix + "_TOKEN"] else { return nil }
        // A token beside a user's name is that user's password.
        let user = environment[prefix + "_USERNAME"]
        return Credential(
            kind: user.map { .basic(user: $0, password: Secret(token)) } ?? .bearer(Secret(token)),
            source: source
        )
    }

    /// `IMGLIFE_<HOST>`, for Docker Hub also with its aliases.
    static func prefixes(for host: RegistryHost) -> [String] {
        let aliases = ["index.docker.io", "registry-1.docker.io", "registry.hub.docker.com", "hub.docker.com"]
        return ([host.description] + (host == .dockerHub ? aliases : [])).map(prefix)
    }

    /// `registry:5000` gives `IMGLIFE_REGISTRY_5000`.
    static func prefix(_ host: String) -> String {
        HostVariable.prefix + HostVariable.folded(host)
    }

    private static func halfSetPairs(_ environment: [String: String]) -> [String] {
        environment.keys.sorted().compactMap { name in
            guard let variable = HostVariable(name), variable.name == name, variable.role != .token else { return nil }
            let isUser = variable.role == .username
            let missing = variable.name(isUser ? .password : .username)
            guard environment[missing] == nil, !isUser || environment[variable.name(.token)] == nil else { return nil }
            return "\(name) is set, but \(missing) is not: set both or neither"
        }
    }
}
