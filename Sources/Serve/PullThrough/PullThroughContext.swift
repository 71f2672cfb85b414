import Cache
import Concurrency
import Logging
import OCI

/// What the parts of a server share that fetches what its cache lacks.
struct PullThroughContext: Sendable {
    static let staleWarning = "110 - \"Response is Stale\""

    let cache: ContentCache
    let cached: CachedContent
    let configuration: PullThroughConfiguration
    let metrics: ServeMetrics
    let upkeep: Upkeep
    let questions: QuestionContext
    /// Transfers of blobs that are not stored, whose number leaves questions alone.
    let transfers = DetachedWork()

    var time: Timer { questions.time }
    var health: HostHealth { questions.health }
    var logger: Logger { configuration.logger }

    init(_ cache: ContentCache, _ configuration: PullThroughConfiguration, _ metrics: ServeMetrics) {
        self.cache = cache
        self.configuration = configuration
        self.metrics = metrics
        cached = CachedContent(cache)
        let time = Timer(configuration.clock)
        upkeep = Upkeep(cache, configuration, time)
        questions = QuestionContext(
            patience: configuration.patience,
            time: time,
            health: HostHealth(rest: configuration.failureLifetime, time: time),
            work: DetachedWork(),
            logger: configuration.logger
        )
    }

    /// How long answers are believed; absences of tags and repositories for seconds only, as somebody may wait for them.
    func lifetimes(absence: Duration? = nil) -> (answer: Duration, absence: Duration, failure: Duration) {
        let lifetime = configuration.tagLifetime
        return (lifetime, min(lifetime, absence ?? lifetime), configuration.failureLifetime)
    }

    /// Keeps what an upstream has said; a cache that cannot is no reason not to serve it.
    ///
    /// - Returns: whether it is kept.
    @discardableResult
    func keeping(
        _ warning: String,
        _ repository: RepositoryReference,
        _ body: (ContentCache) async throws -> Void
    ) async -> Bool {
        do {
            try await body(cache)
            return true
        } catch {
            logger.warning("\(warning)", metadata: ["repository": "\(repository)", "error": "\(error)"])
            return false
        }
    }

    /// What a client is told of a failure; never that something does not exist.
    ///
    /// - Throws: `CancellationError` where nobody waits for it any more.
    func failure(_ error: any Error) throws -> ServeError {
        try Task.checkCancellation()
        metrics.count(.upstreamFailure)
        if !(error is UpstreamError) {
            logger.warning("a request could not be answered", metadata: ["error": "\("\(error)".displaySafe)"])
        }
        return ServeError(pulling: error)
    }
}
