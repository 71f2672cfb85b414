import Cache
import OCI

extension ServeError {
    /// There is no room for more work.
    static let busy = ServeError(
        .cacheUnavailable,
        "too many requests to upstreams are under way; try again",
        retryAfter: 1
    )

    /// Says what a failure to fetch means for the client.
    ///
    /// What an upstream refuses us is 403, never 401: that would ask the client for credentials, which go to this
    /// server. Clients that have this server as a mirror go on to the registry itself after either. Neither accounts nor
    /// files of this machine are named.
    init(pulling error: any Error) {
        switch error {
        case let error as ServeError: self = error
        case let error as UpstreamError:
            let wait = error.retryAfter.map { min($0, HostHealth.longest) }
            let seconds = wait.map { Int(clamping: ($0 + .milliseconds(999)).components.seconds) }
            self.init(Self.kind(error.kind), error.told, retryAfter: seconds)
        case let error as CacheError where [.digestMismatch, .restarted].contains(error.kind):
            self.init(.upstreamFailed, "the upstream sends other bytes than it says")
        case is CancellationError: self.init(.cacheUnavailable, "the server is stopping")
        case is CacheError: self.init(.cacheUnavailable, "the cache cannot be read or written now")
        default: self.init(.upstreamFailed, "the upstream could not be asked")
        }
    }

    private static func kind(_ kind: UpstreamError.Kind) -> Kind {
        switch kind {
        case .denied: .upstreamDenied
        case .rateLimited: .upstreamRateLimited
        case .timeout: .upstreamTimedOut
        case .notFound, .unavailable, .unusable: .upstreamFailed
        }
    }
}
