import OCI
import Synchronization

/// The closed list of hosts whose repositories are served: those of the configuration, and those the cache holds.
final class KnownHosts: Sendable {
    /// How long a host that somebody else's run brought into the cache may stay unknown.
    private static let staleness = Duration.seconds(2)

    private struct State {
        var hosts: Set<RegistryHost>
        var readAt: ContinuousClock.Instant?
        /// Names that were asked for before, by their path.
        var addresses: [[String]: Address] = [:]
    }

    /// How many names are remembered.
    private static let capacity = 1024

    private let configured: @Sendable () -> Set<RegistryHost>
    private let state: Mutex<State>

    init(_ configured: @escaping @Sendable () -> Set<RegistryHost>) {
        self.configured = configured
        state = Mutex(State(hosts: configured().union([.dockerHub])))
    }

    var hosts: Set<RegistryHost> { state.withLock { $0.hosts } }

    /// The repository that a name leads to, as far as the hosts known now tell.
    func address(_ name: [String], namespace: String?) throws(AddressError) -> Address {
        let (hosts, found) = state.withLock { ($0.hosts, namespace == nil ? $0.addresses[name] : nil) }
        if let found { return found }
        let address = try Addressing(hosts: hosts).address(name, namespace: namespace)
        guard namespace == nil else { return address }
        state.withLock { state in
            guard state.hosts == hosts else { return }
            if state.addresses.count >= Self.capacity { state.addresses = [:] }
            state.addresses[name] = address
        }
        return address
    }

    /// The repository that a name leads to; the content is asked for hosts that are not known yet.
    ///
    /// - Throws: ``AddressError``; what the content throws.
    func address(
        _ name: [String],
        namespace: String?,
        askingAlso content: any ServedContent
    ) async throws -> Address {
        if namespace == nil, Addressing(hosts: hosts).doubts(name) { try await refresh(from: content) }
        do throws(AddressError) {
            return try address(name, namespace: namespace)
        } catch {
            guard case .unknownHost = error else { throw error }
            try await refresh(from: content)
            return try address(name, namespace: namespace)
        }
    }

    /// Asks the content which hosts there are, unless that was done just now.
    func refresh(from content: any ServedContent) async throws {
        let configured = configured().union([.dockerHub])
        let readAt = state.withLock { $0.hosts.isSuperset(of: configured) ? $0.readAt : nil }
        if let readAt, readAt.duration(to: .now) < Self.staleness { return }
        let began = ContinuousClock.now
        let hosts = try await content.repositories().map(\.host)
        state.withLock { state in
            // Who began later knows of more.
            if let readAt = state.readAt, readAt > began { return }
            let known = configured.union(hosts)
            if known != state.hosts { state.addresses = [:] }
            state.hosts = known
            state.readAt = began
        }
    }
}
