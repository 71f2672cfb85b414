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
        _ access: CacheAccess,
        _ metrics: ServeMetrics,
        _ sync: ServedSync?,
        at address: ListenAddress,
        isTLS: Bool
    ) throws {
        var source = PageSource(
            cache,
            traffic: { PageTraffic(metrics) },
            support: { await access.session.support() }
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

extension Session {
    /// Tells how long the tags of the entries' sources are supported, as far as the data file knows.
    ///
    /// The service is not asked: `imglife eol` and `imglife sync` keep the file.
    func support() async -> PageSource.Support {
        let tracked = configuration.entries.compactMap { entry in
            entry.lifecycle.map { (source: entry.source, entry: entry, tracking: $0) }
        }
        let bySource = Dictionary(grouping: tracked, by: \.source)
        guard !bySource.isEmpty else { return { _, _ in nil } }
        var catalogue = LifecycleCatalogue()
        do {
            catalogue = try await lifecycleFile.read() ?? catalogue
        } catch {
            logger.warning("the page shows no end of life", metadata: ["error": "\(error)"])
        }
        let today = Self.today
        return { [catalogue] repository, tag in
            guard let entry = bySource[repository]?.first(where: { $0.entry.names(tag) }) else { return nil }
            return SupportEnd(catalogue.status(of: tag, tracking: entry.tracking, today: today))
        }
    }
}

extension SupportEnd {
    /// - Returns: `nil` when nothing is known.
    fileprivate init?(_ status: LifecycleStatus) {
        let date: String? = if case .date(let day) = status.endOfLife { day.description } else { nil }
        switch status.state {
        case .ended: self.init(.ended, date: date)
        case .endsSoon: self.init(.endsSoon, date: date)
        case .supported: self.init(.supported, date: date)
        case .unknownDate, .unknownCycle, .unknownProduct, .noVersion: return nil
        }
    }
}
