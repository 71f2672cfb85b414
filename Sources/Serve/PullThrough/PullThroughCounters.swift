import Synchronization

/// What pulling through has done since the server began.
package struct PullThroughCounters: Hashable, Sendable {
    /// Requests for manifests and blobs that the cache could answer.
    package var hits = 0
    /// Requests for manifests and blobs for which an upstream was asked, or an answer of it that was under way.
    package var misses = 0
    /// Answers given from the cache because the upstream failed.
    package var stale = 0
    /// Requests for something that an upstream had said lately not to have.
    package var remembered = 0
    /// Requests that failed because an upstream did.
    package var failures = 0
    /// Blobs that were passed on without being stored, because the disk is full.
    package var uncached = 0

    package init() {}
}

final class PullThroughCounting: Sendable {
    private let counters = Mutex(PullThroughCounters())

    var value: PullThroughCounters { counters.withLock { $0 } }

    func count(_ counter: any WritableKeyPath<PullThroughCounters, Int> & Sendable) {
        counters.withLock { $0[keyPath: counter] += 1 }
    }
}
