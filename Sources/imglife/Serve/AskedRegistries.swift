import OCI
import Sync
import Synchronization

/// Which registries a server asks, and what its entries name: what the configuration says now.
///
/// How a registry is reached stays what it was when the server began.
final class AskedRegistries: Sendable {
    private struct State {
        var hosts: Set<RegistryHost>
        var sources: Set<RepositoryReference>
    }

    private let former: [RegistryHost: RegistryOptions]
    private let state: Mutex<State>

    init(_ configuration: Configuration) {
        former = configuration.registries
        state = Mutex(State(hosts: Self.hosts(of: configuration), sources: Self.sources(of: configuration)))
    }

    /// The sources of entries, and those that `registries` says something about.
    var hosts: Set<RegistryHost> { state.withLock { $0.hosts } }

    /// Whether an entry has it as its source.
    func isSource(_ location: RepositoryReference) -> Bool {
        state.withLock { $0.sources.contains(location.withoutUsualPort) }
    }

    /// Follows a configuration that was read again.
    ///
    /// - Returns: the registries that it names now and that are not asked all the same, because it says how they are to be
    ///   reached.
    func follow(_ configuration: Configuration) -> [RegistryHost] {
        let named = Self.hosts(of: configuration)
        return state.withLock { state in
            let others = named.subtracting(state.hosts).filter {
                let options = configuration.registries[meaning: $0] ?? RegistryOptions()
                return options != former[meaning: $0] ?? RegistryOptions()
            }
            state.hosts = named.subtracting(others)
            state.sources = Self.sources(of: configuration)
            return others.sorted { "\($0)" < "\($1)" }
        }
    }

    private static func hosts(of configuration: Configuration) -> Set<RegistryHost> {
        Set(configuration.entries.map(\.source.host)).union(configuration.registries.keys)
    }

    private static func sources(of configuration: Configuration) -> Set<RepositoryReference> {
        Set(configuration.entries.map(\.source.withoutUsualPort))
    }
}
