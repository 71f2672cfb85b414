import ArgumentParser
import Cache
import Logging
import OCI
import Registry
import Serve
import Sync

/// The options of `serve` that let it fetch what the cache lacks.
struct PullThroughOptions: ParsableArguments {
    @Flag(help: "Fetch what the cache lacks from the registries of the configuration, and keep it.")
    var pullThrough = false

    @Option(
        help: ArgumentHelp(
            "How long what a tag points at is believed without asking its registry, such as 30s or 1h. (default: 5m)",
            valueName: "duration"
        ),
        transform: Duration.option
    )
    var tagTTL = Duration.seconds(300)
}

extension ServeCommand {
    /// - Throws: `ValidationError` where the configuration names no registry that may be asked.
    func require(_ configuration: Configuration) throws {
        guard pulling.pullThrough, configuration.entries.isEmpty, configuration.registries.isEmpty else { return }
        throw ValidationError("--pull-through needs a configuration, which says which registries may be asked")
    }

    /// The registries behind the cache, if that was asked for.
    ///
    /// - Throws: `ValidationError` where none may be asked, or the process's credentials would be lent to anybody;
    ///   `RegistryConfigurationError`.
    func upstreams(_ session: Session) async throws -> PullThroughUpstreams? {
        guard pulling.pullThrough else { return nil }
        try require(session.configuration)
        let upstreams = PullThroughUpstreams(
            session,
            htpasswd != nil || allowAnonymous ? .all : listen.isLoopback ? .entries : .none
        )
        guard upstreams.lending == .none, try await upstreams.haveCredentials() else { return upstreams }
        throw ValidationError(
            "credentials are configured for an upstream registry, and everybody who can reach \(listen) could read with "
                + "them what they can read: say with --htpasswd who may pull, or with --allow-anonymous that all may"
        )
    }

    /// Runs `body` with what the cache holds, and with upstreams behind it where there are some.
    ///
    /// It gets the content, the figures of what they were asked, and the connections to them where there are any. The cache is
    /// kept as large as the current configuration says.
    func withContent(
        _ cache: ContentCache,
        _ upstreams: PullThroughUpstreams?,
        _ current: CurrentSession,
        _ metrics: ServeMetrics,
        _ body: (
            any ServedContent, _ figures: @escaping @Sendable () -> [ServeMetrics.Gauge], RegistryConnections?
        ) async throws -> Void
    ) async throws {
        guard let upstreams else { return try await body(CachedContent(cache), { [] }, nil) }
        guard !cache.isReadOnly else {
            throw ValidationError("--pull-through keeps what it fetches, and the cache cannot be written; leave it out")
        }
        let session = upstreams.session
        var configuration = PullThroughConfiguration(tagLifetime: pulling.tagTTL, logger: session.logger)
        // One of the places is left to questions.
        configuration.downloads = { [hosts = session.registries.hosts] host in max(1, hosts[meaning: host].limit - 1) }
        configuration.maintain = { await CacheUpkeep(cache: cache, session: current.value).keepQuota() }
        try await upstreams.with(cache) { connected, traffic in
            try await PullThroughContent.with(cache, connected, configuration, metrics: metrics) { content in
                try await body(content, { Self.figures(traffic()) }, upstreams.connections)
            }
        }
    }

    private static func figures(_ traffic: [TrafficCounters]) -> [ServeMetrics.Gauge] {
        [
            .init(
                name: "imglife_serve_upstream_requests_total",
                help: "Requests to upstream registries, redirects and tokens included.",
                value: traffic.reduce(0) { $0 + $1.requests },
                isCounter: true
            ),
            .init(
                name: "imglife_serve_upstream_received_bytes_total",
                help: "Bytes of answers' bodies from upstream registries.",
                value: traffic.reduce(0) { $0 + $1.bytesReceived },
                isCounter: true
            ),
        ]
    }
}
