import Concurrency
import OCI
import Synchronization

/// Connections to registries that several clients use together, so that a host's limit holds for all of them.
///
/// Clients of their own settings, credentials or retries, say, share them by ``RegistryConfiguration/connections``.
package final class RegistryConnections: Sendable {
    /// The places of one host.
    struct Places: Sendable {
        let gate: HostGate
        let oneConnection: OneConnection
    }

    /// Who asks a registry.
    private struct Party: Hashable {
        let host: RegistryHost
        let credentials: ObjectIdentifier
    }

    private struct Kept {
        weak var memory: AuthorizerMemory?
    }

    /// For how long it is remembered that several connections bring nothing for one blob, or that a host wants few requests:
    /// who serves for months must forget.
    private static let memory = Duration.seconds(3600)

    let clients: HTTPClients
    let trust: TrustStore
    private let configuration: RegistryConfiguration
    private let places = Mutex<[RegistryHost: Places]>([:])
    /// For as long as a client uses it.
    private let memories = Mutex<[Party: Kept]>([:])

    private init(_ configuration: RegistryConfiguration) throws {
        self.configuration = configuration
        trust = try TrustStore(configuration.hosts, configuration.authorities)
        clients = HTTPClients(configuration)
    }

    /// Runs a body and closes the connections afterwards, in every case; clients that use them must have ended by then.
    ///
    /// Of the configuration its hosts, authorities, proxies, time limit and clock are what counts here.
    ///
    /// - Throws: ``RegistryConfigurationError`` for settings that can't be used; otherwise what the body throws.
    package static func with<R>(
        _ configuration: RegistryConfiguration,
        _ body: (RegistryConnections) async throws -> R
    ) async throws -> R {
        let connections = try RegistryConnections(configuration)
        let result: Result<R, any Error>
        do { result = .success(try await body(connections)) } catch { result = .failure(error) }
        await connections.clients.shutdown(logger: configuration.logger)
        return try result.get()
    }

    /// Has clients of a configuration use these connections, where it reaches every host as they do.
    ///
    /// Such clients leave a place of each host to others. One that reaches a host otherwise keeps connections of its own.
    package func share(with other: inout RegistryConfiguration) {
        guard other.hosts == configuration.hosts else { return }
        other.connections = self
        other.leavesRoom = true
    }

    /// What clients with the same credentials know of a registry.
    func memory(of host: RegistryHost, for client: RegistryConfiguration) -> AuthorizerMemory {
        memories.withLock { memories in
            let party = Party(host: host, credentials: client.credentials.identity)
            if let memory = memories[party]?.memory { return memory }
            let memory = AuthorizerMemory(client)
            memories = memories.filter { $0.value.memory != nil }
            memories[party] = Kept(memory: memory)
            return memory
        }
    }

    func places(at host: RegistryHost) -> Places {
        places.withLock {
            $0.remembered(host) {
                let timer = Timer(configuration.clock)
                let limit = configuration.hosts[meaning: host].limit
                return Places(
                    gate: HostGate(ConnectionBudget(maximum: limit, memory: Self.memory), timer: timer),
                    oneConnection: OneConnection(timer, lifetime: Self.memory)
                )
            }
        }
    }
}

extension HostSettings? {
    /// How many requests may be in flight, for each lane.
    package var limit: Int { self?.maxConnections ?? ConnectionBudget.standard }
}
