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

/// A request to whose answer nobody has heard anything yet.
package struct PendingRequest: Hashable, Sendable {
    /// Who has been asked: a registry by its name, `docker.io`, anybody else by the address.
    package let host: String
    /// How long ago.
    package let time: Duration
}

/// Counts traffic, and knows what has not been answered.
final class Traffic: Sendable {
    private struct Pending {
        var requests: [UInt64: (host: String, start: Duration)] = [:]
        var next: UInt64 = 0
    }

    private let pending = Mutex(Pending())
    private let received = Atomic<Int64>(0)
    private let sent = Atomic<Int64>(0)
    private let requests = Atomic<Int64>(0)

    func countReceived(_ bytes: Int) { received.add(Int64(bytes), ordering: .relaxed) }

    func countSent(_ bytes: Int) { sent.add(Int64(bytes), ordering: .relaxed) }

    /// - Returns: a number for ``ends(_:)``.
    func begins(at host: String, _ now: Duration) -> UInt64 {
        pending.withLock { pending in
            pending.next += 1
            pending.requests[pending.next] = (host, now)
            return pending.next
        }
    }

    func ends(_ number: UInt64?) {
        guard let number else { return }
        pending.withLock { _ = $0.requests.removeValue(forKey: number) }
    }

    /// The request that has been waited for longest.
    func oldest(_ now: Duration) -> PendingRequest? {
        pending.withLock { $0.requests.values.min { $0.start < $1.start } }
            .map { PendingRequest(host: $0.host, time: now - $0.start) }
    }

    func countRequest() { requests.add(1, ordering: .relaxed) }

    var counters: TrafficCounters {
        TrafficCounters(
            bytesReceived: received.load(ordering: .relaxed),
            bytesSent: sent.load(ordering: .relaxed),
            requests: requests.load(ordering: .relaxed)
        )
    }
}
