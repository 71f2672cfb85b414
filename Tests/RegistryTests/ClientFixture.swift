import Logging
import NIOCore
import OCI
import Registry
import Synchronization
import TestSupport

/// Runs a client whose delays take no time against a scripted registry.
@discardableResult
func withClient<R>(
    credentials: [String: String] = [:],
    hosts: [RegistryHost: HostSettings] = [:],
    retry: RetryPolicy = RetryPolicy(),
    proxies: ProxySettings = .none,
    authorities: SystemAuthorities = .usual,
    clock: any Clock<Duration> = TestClock(),
    timeoutClock: any Clock<Duration> = ContinuousClock(),
    log: LogRecorder = LogRecorder(),
    _ body: (RegistryClient) async throws -> R
) async throws -> R {
    var configuration = RegistryConfiguration(logger: log.logger)
    configuration.hosts = hosts
    configuration.credentials = try CredentialStore(environment: credentials, home: nil)
    configuration.retry = retry
    configuration.proxies = proxies
    configuration.authorities = authorities
    configuration.clock = clock
    configuration.timeoutClock = timeoutClock
    configuration.userAgent = "imglife/test"
    return try await RegistryClient.with(configuration, body)
}

/// Runs a body with variables that name docker's configuration with a credential program, and that program's place.
func withProgram<R>(
    _ script: String,
    _ body: ([String: String], _ directory: String) async throws -> R
) async throws -> R {
    try await TemporaryDirectory.with { directory in
        try Files.write("#!/bin/sh\ncd \(directory)\n\(script)\n", to: "\(directory)/docker-credential-fake")
        try await Tool.check("chmod", ["+x", "\(directory)/docker-credential-fake"])
        try Files.write(#"{"credsStore": "fake"}"#, to: "\(directory)/config.json")
        return try await body(
            ["PATH": "\(directory):/usr/bin:/bin", "DOCKER_CONFIG": "\(directory)"],
            "\(directory)"
        )
    }
}

extension RegistryClient {
    func pull(_ registry: ScriptedRegistry, _ name: RepositoryName = "library/app") -> Repository {
        repository(RepositoryReference(host: registry.host, repository: name), for: .pull)
    }

    func push(_ registry: ScriptedRegistry, _ name: RepositoryName = "library/app") -> Repository {
        repository(RepositoryReference(host: registry.host, repository: name), for: .push)
    }
}

extension Repository {
    /// A whole blob, as it was delivered.
    func bytes(of descriptor: Descriptor, from offset: Int64 = 0) async throws -> ByteBuffer {
        var bytes = ByteBuffer()
        try await readBlob(descriptor, from: offset) { bytes.writeImmutableBuffer($0) }
        return bytes
    }
}

/// A blob whose bytes are at hand, or that fails at an offset.
struct SampleReader: BlobReader {
    struct Broken: Error, Equatable {}

    let source: ByteSource
    let descriptor: Descriptor
    var failsAt: Int64?

    init(_ source: ByteSource, failsAt: Int64? = nil) {
        self.source = source
        self.failsAt = failsAt
        descriptor = source.descriptor
    }

    func read(at offset: Int64, atMost count: Int) async throws -> ByteBuffer {
        if let failsAt, offset >= failsAt { throw Broken() }
        return source.read(at: Int(offset), count: count)
    }
}

extension ByteSource {
    var descriptor: Descriptor {
        guard let descriptor = Descriptor(mediaType: .octetStream, digest: digest(), size: Int64(count)) else {
            preconditionFailure("a count is not negative")
        }
        return descriptor
    }
}

/// Keeps everything that is logged, as text.
final class LogRecorder: Sendable {
    private let lines = Mutex<[String]>([])

    var text: String { lines.withLock { $0.joined(separator: "\n") } }

    var logger: Logger {
        var logger = Logger(label: "test") { _ in Handler(recorder: self) }
        logger.logLevel = .trace
        return logger
    }

    private struct Handler: LogHandler {
        let recorder: LogRecorder
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            recorder.lines.withLock { $0.append("\(event.level) \(event.message) \(event.metadata ?? [:])") }
        }
    }
}

extension RegistryHost {
    /// `IMGLIFE_<HOST>`.
    var variablePrefix: String {
        "IMGLIFE_" + description.uppercased().map { $0.isLetter || $0.isNumber ? "\($0)" : "_" }.joined()
    }

    /// The variables that hold a password for it.
    func passwordVariables(_ user: String, _ password: String) -> [String: String] {
        [variablePrefix + "_USERNAME": user, variablePrefix + "_PASSWORD": password]
    }
}
