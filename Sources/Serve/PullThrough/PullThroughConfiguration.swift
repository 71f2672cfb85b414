package import Logging
package import OCI

/// How a server fetches what its cache lacks.
package struct PullThroughConfiguration: Sendable {
    /// How long what a tag points at is believed without asking.
    package var tagLifetime: Duration
    /// How long it is believed at most that a tag or a repository is not there: somebody may be waiting for it.
    package var absenceLifetime: Duration = .seconds(10)
    /// How long after a failure an upstream is left alone that does not say for how long.
    package var failureLifetime: Duration = .seconds(10)
    /// How long an upstream may take to answer before an older answer is given, the first time.
    package var patience: Duration = .seconds(5)
    /// How many blobs may be under way from a host at once.
    package var downloads: @Sendable (RegistryHost) -> Int = { _ in 6 }
    /// How often what was used is recorded, and ``maintain`` called.
    package var upkeepInterval: Duration = .seconds(60)
    /// Called after downloads, to keep the cache's limit.
    package var maintain: @Sendable () async -> Void = {}
    package var logger: Logger
    package var clock: any Clock<Duration>

    package init(
        tagLifetime: Duration = .seconds(300),
        logger: Logger,
        clock: any Clock<Duration> = ContinuousClock()
    ) {
        self.tagLifetime = tagLifetime
        self.logger = logger
        self.clock = clock
    }
}
