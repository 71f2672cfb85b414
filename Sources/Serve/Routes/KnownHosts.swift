import OCI
import Synchronization

/// The closed list of hosts whose repositories are served: those of the configuration, and those the cache holds.
final class KnownHosts: Sendable {
    /// How long a host that somebody else's run brought into the cache may stay unknown.
    private static let staleness = Duration.seconds(2)

    private struct State {
        var hosts: Set<RegistryHost>
        var readAt: ContinuousClock.Instant?
    }

    private let configured: Set<RegistryHost>
    private let state: Mutex<State>

    init(_ configured: some Sequence<RegistryHost>) {
        self.configured = Set(configured).union([.dockerHub])
        state = Mutex(State(hosts: self.configured))
    }

    var addressing: Addressing { Addressing(hosts: state.withLock { $0.hosts }) }

    /// Asks the content which hosts there are, unless that was done just now.
    func refresh(from content: any ServedContent) async throws {
        let readAt = state.withLock { $0.readAt }
        if let readAt, readAt.duration(to: .now) < Self.staleness { return }
        let hosts = try await content.repositories().map(\.host)
        state.withLock { state in
            state.hosts = configured.union(hosts)
            state.readAt = .now
        }
    }
}
