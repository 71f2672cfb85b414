import Cache
import Logging
import OCI
import Registry
import Sync
import TestSupport

/// Whole runs over one cache, between scripted registries.
struct MirrorRun: Sendable {
    let cacheDirectory: String
    /// Plays Docker Hub and its API, where there is one.
    var hub: ScriptedRegistry?
    /// How registries are reached that are not simply there.
    var hosts: [RegistryHost: HostSettings] = [:]
    /// How often registries are asked.
    var attempts = 2
    /// How many images are copied at a time; `nil` leaves that to the program.
    var parallelism: Int?
    /// Further sections of the configuration.
    var sections = ""
    /// Environment variables with credentials.
    var credentials: [String: String] = [:]
    /// How often the cache asks again for what came wrong.
    var cacheAttempts = 3
    /// Runs the entries' hooks.
    var hooks: HookRunner?
    /// Asks the cache alone.
    var isOffline = false
    /// The registry client's time.
    var clock = TestClock()
    /// Instead of it, for who looks at what happens while the time stands.
    var standingClock: ManualClock?
    /// Tells how long a registry may take.
    var timeoutClock: any Clock<Duration> = ContinuousClock()
    var log = LogText()

    /// Runs a body with a cache of its own.
    static func with<R>(hub: ScriptedRegistry? = nil, _ body: (MirrorRun) async throws -> R) async throws -> R {
        try await TemporaryDirectory.with { path in
            try await body(MirrorRun(cacheDirectory: path + "/cache", hub: hub))
        }
    }

    func run(_ entries: String...) async throws -> SyncReport { try await run(entries) }

    func run(_ entries: [String]) async throws -> SyncReport {
        try await syncing(entries) { try await $0.run() }
    }

    /// What a dry run says.
    func foresee(_ entries: String...) async throws -> SyncReport {
        try await syncing(entries) { try await $0.foresee() }
    }

    /// What `sync --list` prints.
    func list(_ entries: String...) async throws -> SyncPlan {
        try await syncing(entries) { try await $0.list() }
    }

    /// What a run would do; with `cached` as one that has this cache.
    func plan(
        _ entries: String...,
        reading reads: Bool = false,
        cached: Bool = true,
        explaining explained: ImageReference? = nil
    ) async throws -> SyncPlan {
        try await syncing(entries, cached: cached) {
            try await $0.plan(readingManifests: reads, explaining: explained)
        }
    }

    private func syncing<R>(
        _ entries: [String],
        cached: Bool = true,
        _ body: (Syncer) async throws -> R
    ) async throws -> R {
        let text = "sync:\n  entries:\n" + entries.map { "    - {\($0)}\n" }.joined() + sections
        let configuration = try Configuration(yaml: text, file: "imglife.yaml")
        var hosts = hosts
        if let hub { hosts[.dockerHub] = HostSettings(endpoint: hub.url, hubAPI: hub.url) }
        var registries = RegistryConfiguration(logger: log.logger)
        registries.hosts = hosts
        registries.credentials = try CredentialStore(environment: credentials, home: nil)
        registries.retry = RetryPolicy(attempts: attempts)
        registries.clock = standingClock ?? clock
        registries.timeoutClock = timeoutClock
        var options = Syncer.Options()
        options.hooks = hooks
        options.isOffline = isOffline
        if let parallelism { options.parallelism = parallelism }
        return try await RegistryClient.with(registries) { [options] client in
            let syncer = { (cache: ContentCache?) in
                Syncer(
                    configuration: configuration,
                    client: client,
                    cache: cache,
                    options: options,
                    logger: log.logger
                )
            }
            guard cached else { return try await body(syncer(nil)) }
            return try await withCache { try await body(syncer($0)) }
        }
    }

    /// Opens the cache of the runs.
    func withCache<R>(_ body: (ContentCache) async throws -> R) async throws -> R {
        let cache = CacheConfiguration(
            directory: cacheDirectory,
            retry: RetryPolicy(attempts: cacheAttempts),
            logger: log.logger,
            clock: TestClock(),
            lockTimeout: .endless
        )
        return try await ContentCache.with(cache, body)
    }
}
