import Concurrency
import Synchronization

/// Whether a host's blobs come over one connection each, because several have brought nothing there.
final class OneConnection: Sendable {
    private let timer: Timer
    private let lifetime: Duration?
    private let since = Mutex<Duration?>(nil)

    /// Remembers for that time, as who serves for months must forget; where it is `nil`, as long as it lives.
    init(_ timer: Timer, lifetime: Duration? = nil) {
        self.timer = timer
        self.lifetime = lifetime
    }

    var isEnough: Bool {
        guard let since = since.withLock({ $0 }) else { return false }
        return lifetime.map { timer.now() - since < $0 } ?? true
    }

    func remember() {
        let now = timer.now()
        since.withLock { $0 = now }
    }
}
