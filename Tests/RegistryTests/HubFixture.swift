import FoundationEssentials
import OCI
import Registry
import TestSupport

/// Runs a client for which a scripted registry is Docker Hub: the registry itself, and its API below `/`.
func withHubClient<R>(
    _ hub: ScriptedRegistry,
    environment: [String: String] = [:],
    attempts: Int = 3,
    clock: TestClock = TestClock(),
    date: Date = Date(timeIntervalSince1970: 1_700_000_000),
    log: LogRecorder = LogRecorder(),
    _ body: (RegistryClient) async throws -> R
) async throws -> R {
    let settings = HostSettings(endpoint: hub.url, hubAPI: hub.url)
    var configuration = RegistryConfiguration(logger: log.logger)
    configuration.hosts = [.dockerHub: settings]
    configuration.credentials = try CredentialStore(environment: environment, home: nil)
    configuration.retry = RetryPolicy(attempts: attempts)
    configuration.clock = clock
    configuration.date = { date }
    return try await RegistryClient.with(configuration, body)
}

extension RepositoryReference {
    static let alpine = RepositoryReference(host: .dockerHub, repository: "library/alpine")
}
