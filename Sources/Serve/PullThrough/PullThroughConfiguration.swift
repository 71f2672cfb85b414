package import Logging

/// How a server fetches what its cache lacks.
package struct PullThroughConfiguration: Sendable {
    /// How long what a tag points at is believed without asking.
    package var tagLifetime: Duration
    /// How long it is believed that something is not there.
    package var absenceLifetime: Duration = .seconds(10)
    /// How long after a failure the upstream is not asked about the same tag again while there is an older answer.
    package var failureLifetime: Duration = .seconds(10)
    /// How long an upstream may take to say what a tag points at before an older answer is given.
    package var patience: Duration = .seconds(5)
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
