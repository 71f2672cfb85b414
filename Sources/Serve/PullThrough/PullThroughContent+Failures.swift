import Cache
import OCI

extension PullThroughContent {
    /// What a client is told of a failure; never that something does not exist.
    func failure(_ error: any Error) -> any Error {
        metrics.count(.upstreamFailure)
        return ServeError(pulling: error)
    }
}

extension ServeError {
    /// There is no room for more work.
    static let busy = ServeError(.cacheUnavailable, "too many requests to upstreams are under way; try again")

    /// Says what a failure to fetch means for the client.
    ///
    /// What an upstream refuses us is 403, never 401: that would ask the client for credentials, which go to this
    /// server. Clients that have this server as a mirror go on to the registry itself after either.
    init(pulling error: any Error) {
        switch error {
        case let error as ServeError: self = error
        case let error as UpstreamError: self.init(Self.kind(error.kind), error.description)
        case let error as CacheError where [.digestMismatch, .conflict, .restarted].contains(error.kind):
            self.init(.upstreamFailed, error.description)
        case let error as CacheError: self.init(.cacheUnavailable, error.description)
        case is CancellationError: self.init(.cacheUnavailable, "the server is stopping")
        default: self.init(.upstreamFailed, "\(error)")
        }
    }

    private static func kind(_ kind: UpstreamError.Kind) -> Kind {
        switch kind {
        case .denied: .upstreamDenied
        case .rateLimited(let delay):
            .upstreamRateLimited(retryAfter: delay.map { Int(clamping: $0.components.seconds) })
        case .timeout: .upstreamTimedOut
        case .notFound, .unavailable, .unusable: .upstreamFailed
        }
    }
}
