import FoundationEssentials
import Logging
import OCI
import Registry
import Synchronization
import TestSupport

/// Delays end at once and are recorded; what limits an operation's time never ends.
final class RetryClock: Clock {
    static let limit = Duration.seconds(61)

    private let recorded = Mutex<(now: TestInstant, sleeps: [Duration])>((TestInstant(), []))

    var now: TestInstant { recorded.withLock { $0.now } }
    var minimumResolution: Duration { .nanoseconds(1) }
    var sleeps: [Duration] { recorded.withLock { $0.sleeps } }

    func sleep(until deadline: TestInstant, tolerance: Duration?) async throws {
        let duration = now.duration(to: deadline)
        guard duration != Self.limit else { return try await Task.sleep(for: .seconds(3600)) }
        recorded.withLock { recorded in
            recorded.sleeps.append(duration)
            recorded.now = max(recorded.now, deadline)
        }
        await Task.yield()
    }
}

/// Runs a client for which a scripted registry is Docker Hub: the registry itself, and its API below `/`.
func withHubClient<R>(
    _ hub: ScriptedRegistry,
    environment: [String: String] = [:],
    attempts: Int = 3,
    clock: RetryClock = RetryClock(),
    date: Date = Date(timeIntervalSince1970: 1_700_000_000),
    log: LogLines = LogLines(),
    _ body: (RegistryClient) async throws -> R
) async throws -> R {
    let settings = HostSettings(endpoint: hub.url, hubAPI: hub.url)
    let configuration = RegistryConfiguration(
        hosts: [.dockerHub: settings],
        credentials: try CredentialStore(environment: environment, home: nil),
        retry: RetryPolicy(attempts: attempts, timeout: RetryClock.limit),
        logger: log.logger,
        clock: clock,
        date: { date }
    )
    return try await RegistryClient.with(configuration, body)
}

extension RepositoryReference {
    static let alpine = RepositoryReference(host: .dockerHub, repository: "library/alpine")
}

/// Keeps everything that is logged, as text.
final class LogLines: Sendable {
    private let lines = Mutex<[String]>([])

    var text: String { lines.withLock { $0.joined(separator: "\n") } }

    var logger: Logger {
        var logger = Logger(label: "test") { _ in Handler(lines: self) }
        logger.logLevel = .trace
        return logger
    }

    private struct Handler: LogHandler {
        let lines: LogLines
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            lines.lines.withLock { $0.append("\(event.level) \(event.message) \(event.metadata ?? [:])") }
        }
    }
}
