package import Cache
package import OCI

/// What the page for people tells about.
package struct PageSource: Sendable {
    /// How long the release that a tag names is supported; `nil` where nothing is known.
    package typealias Support = @Sendable (RepositoryReference, TagName) -> SupportEnd?

    let overview: @Sendable () async throws -> CacheOverview
    let details: @Sendable ([Digest]) async throws -> [Digest: ImageDetails]
    let downloads: @Sendable () -> [RunningDownload]
    let statistics: @Sendable () -> CacheStatistics
    let traffic: @Sendable () -> PageTraffic
    /// Of some images, those of which something is not here.
    var incomplete: @Sendable ([Digest]) async throws -> Set<Digest> = { _ in [] }
    /// Of some images, the bytes that nothing else needs.
    var bytesAlone: @Sendable ([Digest]) async throws -> [Digest: Int64] = { _ in [:] }
    /// All that one image's documents say; `nil` for what is not here.
    var facts: @Sendable (Digest, RepositoryReference) async throws -> ImageFacts? = { _, _ in nil }
    /// What a tag stood for, the latest first.
    var history: @Sendable (TagName?, RepositoryReference) async throws -> [TagPeriod] = { _, _ in [] }
    /// The scheduled syncs; `nil` where none are scheduled.
    package var runs: @Sendable () -> PageRuns? = { nil }
    /// Asked for once a snapshot.
    let support: @Sendable () async -> Support
    /// The wall clock, in seconds since 1970.
    var now: @Sendable () -> Int64 = CacheConfiguration.systemTime
    /// Measures the age of snapshots.
    var clock: any Clock<Duration> = ContinuousClock()

    /// The page about a cache.
    ///
    /// - Parameters:
    ///   - cache: what it is about.
    ///   - traffic: what its server has done.
    ///   - support: reads what is known about releases; must ask no service, because a page waits for it.
    package init(
        _ cache: ContentCache,
        traffic: @escaping @Sendable () -> PageTraffic,
        support: @escaping @Sendable () async -> Support = { { _, _ in nil } }
    ) {
        self.init(
            overview: { try await cache.inventory.overview() },
            details: { try await cache.inventory.details(of: $0) },
            downloads: { cache.runningDownloads },
            statistics: { cache.statistics },
            traffic: traffic,
            support: support
        )
        incomplete = { try await cache.incomplete($0) }
        bytesAlone = { try await cache.inventory.bytesAlone(of: $0) }
        facts = { try await ImageFacts.read($0, of: $1, in: cache) }
        history = { tag, repository in
            guard let tag else { return [] }
            return try await cache.names.history(of: tag, in: repository)
        }
    }

    init(
        overview: @escaping @Sendable () async throws -> CacheOverview,
        details: @escaping @Sendable ([Digest]) async throws -> [Digest: ImageDetails] = { _ in [:] },
        downloads: @escaping @Sendable () -> [RunningDownload] = { [] },
        statistics: @escaping @Sendable () -> CacheStatistics = { CacheStatistics() },
        traffic: @escaping @Sendable () -> PageTraffic = { PageTraffic() },
        support: @escaping @Sendable () async -> Support = { { _, _ in nil } }
    ) {
        self.overview = overview
        self.details = details
        self.downloads = downloads
        self.statistics = statistics
        self.traffic = traffic
        self.support = support
    }
}

/// What the page's server has done since it was started.
package struct PageTraffic: Hashable, Sendable {
    package var requests: Int64 = 0
    /// Of bodies.
    package var sentBytes: Int64 = 0
    package var blobHits: Int64 = 0
    package var blobMisses: Int64 = 0

    package init() {}
}

/// When the support of a release ends.
package struct SupportEnd: Hashable, Sendable {
    /// How it stands today.
    package enum Standing: Hashable, Sendable {
        case ended
        case endsSoon
        case supported
    }

    package let standing: Standing
    /// Such as `2027-05-01`; `nil` when only the standing is known.
    package let date: String?

    package init(_ standing: Standing, date: String?) {
        self.standing = standing
        self.date = date
    }
}

extension ContentCache {
    /// Those of some images of which something is not here.
    @concurrent
    fileprivate func incomplete(_ digests: [Digest]) async throws -> Set<Digest> {
        try Set(digests).filter { digest in
            do {
                return try manifest(digest).map { try !isWhole($0) } ?? true
            } catch is DocumentError {
                return true
            }
        }
    }
}
