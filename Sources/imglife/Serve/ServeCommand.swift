import ArgumentParser
import Cache
import Logging
import OCI
import Page
import Registry
import Serve
import Sync
import Synchronization

/// `imglife serve`: the cache as a read-only registry.
struct ServeCommand: Subcommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve the cache as a read-only OCI registry.",
        discussion: """
            No configuration is needed. TERM or INT lets answers under way finish, for 30 s at most; HUP reads the \
            passwords, the certificate and the credentials of registries again, and with --pull-through or --sync-every the \
            configuration's entries and cache.max_size. Exit codes: 0 stopped in order; 1 it \
            could not be started, or the cache's disk or index has failed.
            """
    )

    @ParentCommand var parent: Imglife
    var copies: Bool { syncEvery != nil }

    @Option(
        help: ArgumentHelp("Where to listen; ':5050' is every interface, port 0 any free one.", valueName: "address"),
        transform: ServeCommand.address
    )
    var listen = ListenAddress.standard

    @Option(
        help: ArgumentHelp(
            "Tell /metrics here instead of on the main address, to everybody.",
            valueName: "address"
        ),
        transform: ServeCommand.address
    )
    var metricsListen: ListenAddress?

    @Option(
        help: ArgumentHelp("The certificate and its issuers, as a PEM file; with --tls-key.", valueName: "file"),
        completion: .file()
    )
    var tlsCert: String?

    @Option(help: ArgumentHelp("The certificate's key, as a PEM file.", valueName: "file"), completion: .file())
    var tlsKey: String?

    @Option(
        help: ArgumentHelp("Who may pull: a password file made by 'htpasswd -B'.", valueName: "file"),
        completion: .file()
    )
    var htpasswd: String?

    @Flag(help: "Everybody may pull, also where credentials are used upstream and others can reach the address.")
    var allowAnonymous = false

    @OptionGroup var pulling: PullThroughOptions

    @Option(help: ArgumentHelp("Connections at once.", valueName: "n"))
    var maxConnections = ConnectionLimits().connections

    @Option(help: ArgumentHelp("Connections at once from one address other than this machine.", valueName: "n"))
    var maxConnectionsPerClient = ConnectionLimits().connectionsPerClient

    @Option(
        help: ArgumentHelp(
            "How long /readyz says 503 before the server stops, such as 10s. (default: 0s)",
            valueName: "duration"
        ),
        transform: Duration.option
    )
    var shutdownDelay = Duration.zero

    @Option(
        help: ArgumentHelp("Sync what the configuration says as well, again and again: 6h, 30m.", valueName: "time"),
        transform: RepetitionOptions.interval
    )
    var syncEvery: Duration?

    func validate() throws {
        guard (tlsCert == nil) == (tlsKey == nil) else {
            throw ValidationError("--tls-cert and --tls-key must be given together")
        }
        guard maxConnections > 0, maxConnectionsPerClient > 0 else {
            throw ValidationError("--max-connections and --max-connections-per-client must be at least 1")
        }
        guard htpasswd == nil || !allowAnonymous else {
            throw ValidationError("--htpasswd and --allow-anonymous contradict each other")
        }
    }

    func run() async throws {
        try await Failure.exiting {
            let room = try OpenFiles.raised()
            let access = try CacheAccess(options: parent.options, copies: copies)
            let logger = access.configuration.logger
            let output = LogOutput(format: parent.options.format(environment: access.environment), level: .warning)
            try await Terminal.standardError.gathering(tellLoss: { output.loss(of: $0) }) {
                try await Stopping.run(logger: logger) { stop in
                    var configuration = access.configuration
                    configuration.mayBeReadOnly = true
                    configuration.mode = .create
                    let current = currentSession(access)
                    configuration.collection = { try await current.value.cache.collection($0) }
                    // Before a cache is made for what cannot be served.
                    let sync = try await servedSync(current)
                    let upstreams = try await upstreams(access.session)
                    try await Server.check(self.configuration(access, logger))
                    try await PullThroughUpstreams.connecting(upstreams) { upstreams in
                        try await ContentCache.with(configuration) { cache in
                            try await cache.settlingPulled(logger) {
                                try await serve(cache, upstreams, sync, current, access, room: room, until: stop)
                                // Also of one that failed after it had been told to stop.
                                try cache.checkUsable()
                                logger.notice("stopped")
                            }
                        }
                    }
                }
            }
        }
    }

    private func currentSession(_ access: CacheAccess) -> CurrentSession {
        CurrentSession(access.session, options: parent.options, copies: copies) {
            // Somebody may be writing the file at this moment.
            let isEmpty = $0.configuration.entries.isEmpty && $0.configuration.registries.isEmpty
            guard !isEmpty else { throw ValidationError("it names no registry") }
        }
    }

    private func serve(
        _ cache: ContentCache,
        _ upstreams: PullThroughUpstreams?,
        _ sync: ServedSync?,
        _ current: CurrentSession,
        _ access: CacheAccess,
        room: Int,
        until stop: Stopping
    ) async throws {
        let logger = access.configuration.logger
        warnOfStrangers(logger)
        let metrics = ServeMetrics()
        let ending = Ending()
        try await withContent(cache, upstreams, current, metrics) { content, figures, connections in
            var configuration = configuration(access, logger, room: room)
            configuration.isDirectorySound = { (try? cache.checkUsable()) != nil }
            configuration.hosts = { current.value.sourceHosts.union(upstreams?.asked.hosts ?? []) }
            configuration.pseudonym = upstreams?.pseudonym
            try await Server.with(
                configuration,
                content,
                metrics: metrics,
                status: StatusSource(
                    readiness: { [pullsThrough = pulling.pullThrough] in
                        ending.hasBegun ? "the server is about to stop" : await cache.unreadiness(pullsThrough)
                    },
                    gauges: { await cache.gauges() + figures() + (sync?.gauges ?? []) }
                ),
                page: try CachePage(about: cache, current, metrics, sync, at: listen, isTLS: tlsCert != nil)
            ) { server in
                tellAddress(of: server, access, logger)
                await syncing(sync, in: cache, by: connections) {
                    await untilFailure(of: cache, logger) { await wait(for: stop, server, current, upstreams) }
                    ending.begin()
                    // Who balances loads sees it, and sends nobody any more, while everything is still answered.
                    if shutdownDelay > .zero { try? await Task.sleep(for: shutdownDelay) }
                }
            }
        }
    }

    private func tellAddress(of server: Server, _ access: CacheAccess, _ logger: Logger) {
        var metadata: Logger.Metadata = [
            "address": "\(server.address)", "cache": "\(access.configuration.directory)",
        ]
        if let address = server.metricsAddress { metadata["metrics"] = "\(address)" }
        logger.notice("listening", metadata: metadata)
    }

    /// Waits for the work, or until the disk or the index fails: only another start can tell what is left of them.
    private func untilFailure(
        of cache: ContentCache,
        _ logger: Logger,
        _ work: @escaping @Sendable () async -> Void
    ) async {
        await withTaskGroup(of: CacheError?.self) { group in
            group.addTask {
                await work()
                return nil
            }
            group.addTask { await cache.failure() }
            if let failure = await group.next() ?? nil {
                logger.error("the cache has failed, so the server ends", metadata: ["error": "\(failure)"])
            }
            group.cancelAll()
        }
    }

    /// Serves until the process is told to stop.
    private func wait(
        for stop: Stopping,
        _ server: Server,
        _ current: CurrentSession,
        _ upstreams: PullThroughUpstreams?
    ) async {
        await stop.wait { [syncEvery, pulling] in
            upstreams?.session.credentials.forget()
            async let access: Void = server.reload()
            if syncEvery != nil || pulling.pullThrough { await current.reload { upstreams?.follow($0) } }
            await access
        }
    }

    private func configuration(_ access: CacheAccess, _ logger: Logger, room: Int = .max) -> ServerConfiguration {
        var configuration = ServerConfiguration(listen: listen, logger: logger)
        configuration.metricsListen = metricsListen
        configuration.directory = access.configuration.directory
        configuration.passwordFile = htpasswd
        if let tlsCert, let tlsKey { configuration.tls = TLSFiles(certificate: tlsCert, key: tlsKey) }
        configuration.limits.connections = min(maxConnections, room)
        configuration.limits.connectionsPerClient = maxConnectionsPerClient
        return configuration
    }

    private func warnOfStrangers(_ logger: Logger) {
        guard !listen.isLoopback else { return }
        if htpasswd == nil, !allowAnonymous {
            logger.warning(
                "everybody who can reach the address may pull everything; use --htpasswd, or --allow-anonymous to say so",
                metadata: ["address": "\(listen)"]
            )
        }
        if tlsCert == nil {
            logger.warning(
                "content and passwords cross the network in the clear; use --tls-cert and --tls-key, or a proxy that does TLS",
                metadata: ["address": "\(listen)"]
            )
        }
    }

    private static func address(_ text: String) throws -> ListenAddress {
        guard let address = ListenAddress(text) else {
            throw ValidationError("'\(text.displaySafe)' is not an address such as 127.0.0.1:5050 or :5050")
        }
        return address
    }
}

/// Whether the server is about to stop.
private final class Ending: Sendable {
    private let state = Mutex(false)

    var hasBegun: Bool { state.withLock { $0 } }

    func begin() { state.withLock { $0 = true } }
}
