import Cache
import Lifecycle
import Logging
import OCI
import Page
import Serve
import Sync

extension CachePage {
    /// The page about a cache, as `serve` shows it.
    init(
        about cache: ContentCache,
        _ current: CurrentSession,
        _ metrics: ServeMetrics,
        _ sync: ServedSync?,
        at address: ListenAddress,
        isTLS: Bool
    ) throws {
        var source = PageSource(
            cache,
            traffic: { PageTraffic(metrics) },
            support: { await current.value.support() }
        )
        source.runs = { sync?.runs }
        try self.init(source, address: "\(address)", isTLS: isTLS)
    }
}

extension CachePage: FrontPage {}

extension PageTraffic {
    init(_ metrics: ServeMetrics) {
        self.init()
        (requests, sentBytes) = metrics.totals
        blobHits = metrics[.blobHit]
        blobMisses = metrics[.blobMiss]
    }
}
