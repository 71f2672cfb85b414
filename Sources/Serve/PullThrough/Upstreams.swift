package import OCI

/// The registries that may be asked for what the cache lacks: a closed list, whatever a request names.
package struct Upstreams: Sendable {
    /// Nobody is asked.
    package static let none = Upstreams(hosts: []) { _ in nil }

    private let hosts: @Sendable () -> Set<RegistryHost>
    private let open: @Sendable (RepositoryReference) -> (any Upstream)?

    /// - Parameters:
    ///   - hosts: the registries, looked at each time; no other is ever asked.
    ///   - open: makes a repository of one of them usable; sends nothing yet. `nil` for one that is not to be asked.
    package init(
        hosts: @autoclosure @escaping @Sendable () -> Set<RegistryHost>,
        open: @escaping @Sendable (RepositoryReference) -> (any Upstream)?
    ) {
        self.hosts = hosts
        self.open = open
    }

    /// The repository at its registry.
    ///
    /// - Returns: `nil` when its registry is not one of those that may be asked.
    package func upstream(of repository: RepositoryReference) -> (any Upstream)? {
        include(repository.host) ? open(repository) : nil
    }

    /// Whether a registry may be asked.
    func include(_ host: RegistryHost) -> Bool { hosts().contains(host) }
}
