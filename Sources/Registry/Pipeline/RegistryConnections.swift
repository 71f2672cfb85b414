import Concurrency
import OCI
import Synchronization

/// Connections to registries that several clients use together, so that a host's limit holds for all of them.
///
/// Clients of their own settings, credentials or retries, say, share them by ``RegistryConfiguration/connections``.
package final class RegistryConnections: Sendable {
    /// The places of one host.
    struct Places: Sendable {
        /// All that there are.
        let all: HostGate
        /// Those that content may take: one fewer than all, so that a question need not wait until a blob has come.
        let content: HostGate
        let oneConnection: OneConnection
    }

    /// For how long it is remembered that several connections bring nothing for one blob: who serves for months must forget.
    private static let memory = Duration.seconds(3600)

    let clients: HTTPClients
    let trust: TrustStore
    private let configuration: RegistryConfiguration
    private let places = Mutex<[RegistryHost: Places]>([:])

    private init(_ configuration: RegistryConfiguration) throws {
        self.configuration = configuration
        trust = try TrustStore(configuration.hosts)
        clients = HTTPClients(configuration)
    }

    /// Runs a body and closes the connections afterwards, in every case; clients that use them must have ended by then.
    ///
    /// Of the configuration its hosts, proxies, time limit and clock are what counts here.
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

    func places(at host: RegistryHost) -> Places {
        places.withLock {
            $0.remembered(host) {
                let limit = configuration.hosts[host]?.maxConnections ?? HostGate.defaultLimit
                let timer = Timer(configuration.clock)
                return Places(
                    all: HostGate(limit: limit, timer: timer),
                    content: HostGate(limit: limit - 1, timer: timer),
                    oneConnection: OneConnection(timer, lifetime: Self.memory)
                )
            }
        }
    }
}

extension RegistryConnections.Places {
    /// The gates that a request has to pass, in order.
    func gates(isContent: Bool) -> [HostGate] { isContent ? [content, all] : [all] }

    /// Sends a request and takes in its answer once there is a place for it.
    func take<R>(_ lane: Lane, isContent: Bool, _ body: () async throws -> R) async throws -> R {
        guard isContent else { return try await all.pass(lane, body) }
        return try await content.pass(lane) { try await all.pass(lane, body) }
    }
}
