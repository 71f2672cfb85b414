import Cache
import Logging
import OCI
import Registry
import Serve
import Sync

/// The registries that `serve --pull-through` asks, and with whose credentials.
///
/// What is asked without credentials is asked as anybody could: a client then sees nothing through the server that nobody
/// meant to show it.
struct PullThroughUpstreams: Sendable {
    /// What an upstream may ask for patience at most while clients wait for a blob.
    private static let maximumRetryAfter = Duration.seconds(30)

    /// For which repositories the process's credentials are presented.
    enum Lending: Sendable {
        /// Every one of a configured host: the server knows its clients, or was told that it may serve anybody.
        case all
        /// Those that entries name as sources: the server is there for its own machine.
        case entries
        /// None: everybody can reach the server. That there were no credentials when it began says nothing of later.
        case none
    }

    let session: Session
    let asked: AskedRegistries
    let lending: Lending
    /// How requests name this server.
    let pseudonym: String
    /// What all that is asked of them shares.
    private(set) var connections: RegistryConnections?

    init(_ session: Session, _ lending: Lending) {
        self.session = session
        self.lending = lending
        asked = AskedRegistries(session.configuration)
        pseudonym = "imglife-\(String(UInt64.random(in: .min ... .max), radix: 36))"
    }

    /// Asks from now on what a configuration names that was read again, and tells what has to wait for a restart.
    func follow(_ session: Session) {
        for host in asked.follow(session.configuration) {
            session.logger.warning(
                "a registry is not asked before a restart: the new configuration says how it is reached",
                metadata: ["registry": "\(host)"]
            )
        }
    }

    /// Whether the process has credentials for any of the hosts or their mirrors, as far as can be told without asking them.
    ///
    /// - Throws: `RegistryConfigurationError`.
    func haveCredentials() async throws -> Bool {
        let registries = session.registries
        let sources = session.configuration.entries.map(\.source)
        for host in asked.hosts {
            var names = sources.filter { $0.host.withoutUsualPort == host.withoutUsualPort }.map(\.repository)
            if let name = try? RepositoryName("library/any") { names.append(name) }
            let places = [host] + (session.configuration.registries[meaning: host]?.mirrors ?? [])
            let accounts = Set(try places.map(registries.account(of:)))
            let locations = accounts.flatMap { account in
                names.map { RepositoryReference(host: account, repository: $0) }
            }
            for location in locations {
                do {
                    if try await session.credentials.credential(for: location) != nil { return true }
                } catch {
                    // They are configured, although they cannot be had now.
                    return true
                }
            }
        }
        return false
    }

    /// What has been asked and received so far.
    typealias Traffic = @Sendable () -> [TrafficCounters]

    /// Connects to the upstreams, if there are any, for the duration of `body`: longer than a cache's that downloads from them.
    ///
    /// - Throws: `RegistryConfigurationError`; what `body` throws.
    static func connecting<R>(
        _ upstreams: PullThroughUpstreams?,
        _ body: (PullThroughUpstreams?) async throws -> R
    ) async throws -> R {
        guard let upstreams else { return try await body(nil) }
        return try await RegistryConnections.with(upstreams.session.usableRegistries) { connections in
            var connected = upstreams
            connected.connections = connections
            return try await body(connected)
        }
    }

    /// Makes the upstreams usable for the duration of `body`.
    ///
    /// The cache remembers what they are known to answer.
    ///
    /// - Throws: `RegistryConfigurationError`; what `body` throws.
    func with<R>(
        _ cache: ContentCache,
        _ body: (Upstreams, @escaping Traffic) async throws -> R
    ) async throws -> R {
        guard lending != .none else {
            return try await repositories(.anonymous, cache) { anonymous, traffic in
                try await body(Upstreams(hosts: asked.hosts) { anonymous.upstream(of: $0) }, traffic)
            }
        }
        return try await repositories(session.credentials, cache) { own, ownTraffic in
            guard lending == .entries else {
                return try await body(Upstreams(hosts: asked.hosts) { own.upstream(of: $0) }, ownTraffic)
            }
            return try await repositories(.anonymous, cache) { anonymous, anonymousTraffic in
                let upstreams = Upstreams(hosts: asked.hosts) { location in
                    (asked.isSource(location) ? own : anonymous).upstream(of: location)
                }
                return try await body(upstreams) { ownTraffic() + anonymousTraffic() }
            }
        }
    }

    private func repositories<R>(
        _ credentials: CredentialStore,
        _ cache: ContentCache,
        _ body: (UpstreamRepositories, @escaping Traffic) async throws -> R
    ) async throws -> R {
        try await RegistryClient.with(questions(credentials)) { questions in
            var hasty = self.questions(credentials)
            hasty.leavesRoom = true
            return try await RegistryClient.with(hasty) { opening in
                try await RegistryClient.with(content(credentials)) { content in
                    let repositories = UpstreamRepositories(
                        session.configuration,
                        questions: questions,
                        opening: opening,
                        content: content,
                        cache: cache,
                        logger: session.logger
                    )
                    return try await body(repositories) { [questions.traffic, opening.traffic, content.traffic] }
                }
            }
        }
    }

    /// Tries twice, and does not wait for a registry that wants to be left alone: somebody waits for the answer.
    private func questions(_ credentials: CredentialStore) -> RegistryConfiguration {
        var registries = session.registries
        registries.connections = connections
        registries.via = pseudonym
        registries.credentials = credentials
        registries.retry.attempts = min(2, session.settings.retry.attempts)
        registries.retry.initialDelay = min(.milliseconds(200), session.settings.retry.initialDelay)
        registries.retry.timeout = min(.seconds(15), session.settings.retry.timeout)
        registries.retry.maximumRetryAfter = .zero
        return registries
    }

    private func content(_ credentials: CredentialStore) -> RegistryConfiguration {
        var registries = session.registries
        registries.connections = connections
        registries.via = pseudonym
        registries.leavesRoom = true
        registries.credentials = credentials
        registries.retry.maximumRetryAfter = Self.maximumRetryAfter
        return registries
    }
}
