import Concurrency
import Synchronization

/// Where a registry has led to a blob: for as long as an address that it has signed is surely good, the blob's windows need not
/// ask it again (PROTOCOL.md, D.3a).
final class BlobAddress: Sendable {
    private static let lifetime = Duration.seconds(30)

    private let timer: Timer
    private let known = Mutex<(url: HTTPURL, since: Duration)?>(nil)
    private let isForgotten = Atomic(false)

    init(_ timer: Timer) {
        self.timer = timer
    }

    /// Takes in who has answered the registry's own request; its own addresses may want credentials, and cost nothing.
    func note(_ response: HTTPResponse) {
        let now = timer.now()
        if !response.isHome { known.withLock { $0 = (response.url, now) } }
    }

    /// `nil` where the registry is to be asked.
    var current: HTTPURL? {
        guard !isForgotten.load(ordering: .relaxed), let (url, since) = known.withLock({ $0 }) else { return nil }
        return timer.now() - since < Self.lifetime ? url : nil
    }

    /// It has been refused before its time, as some are good for one request alone: no other is believed either.
    func forget() { isForgotten.store(true, ordering: .relaxed) }
}
