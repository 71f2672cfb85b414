import Synchronization

/// What the downloads of this process come to; each of them counts.
final class DownloadCounters: Sendable {
    private let counters = Mutex(CacheStatistics())

    var statistics: CacheStatistics { counters.withLock { $0 } }

    func count(_ change: (inout CacheStatistics) -> Void) { counters.withLock { change(&$0) } }
}
