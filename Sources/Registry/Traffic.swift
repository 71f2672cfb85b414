import Synchronization

/// What a client has sent and received so far.
package struct TrafficCounters: Hashable, Sendable {
    /// Bytes of answers' bodies.
    package var bytesReceived: Int64
    /// Bytes of requests' bodies, those that had to be sent again included.
    package var bytesSent: Int64
    /// Requests, tokens and redirects included.
    package var requests: Int64
}

/// Counts traffic without a lock.
final class Traffic: Sendable {
    private let received = Atomic<Int64>(0)
    private let sent = Atomic<Int64>(0)
    private let requests = Atomic<Int64>(0)

    func countReceived(_ bytes: Int) { received.add(Int64(bytes), ordering: .relaxed) }

    func countSent(_ bytes: Int) { sent.add(Int64(bytes), ordering: .relaxed) }

    func countRequest() { requests.add(1, ordering: .relaxed) }

    var counters: TrafficCounters {
        TrafficCounters(
            bytesReceived: received.load(ordering: .relaxed),
            bytesSent: sent.load(ordering: .relaxed),
            requests: requests.load(ordering: .relaxed)
        )
    }
}
