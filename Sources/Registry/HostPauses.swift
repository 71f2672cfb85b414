import Concurrency
import OCI
import Synchronization

/// Which registries want no requests for a time, so that what does not need them can go on.
final class HostPauses: Sendable {
    private struct State {
        var ends: [RegistryHost: Duration] = [:]
        var watchers: [Int: AsyncStream<Void>.Continuation] = [:]
        var count = 0
    }

    private let isAny = Atomic(false)
    private let state = Mutex(State())
    private let timer: Timer

    init(_ timer: Timer) {
        self.timer = timer
    }

    /// Whether any has ever begun: nearly always none has, which is quickly told.
    var haveBegun: Bool { isAny.load(ordering: .acquiring) }

    /// A registry, or who gives tokens for it, wants nothing for so long from now on.
    func begins(at host: RegistryHost, for delay: Duration) {
        let end = timer.now() + delay
        isAny.store(true, ordering: .releasing)
        let watchers = state.withLock { state in
            state.ends[host] = max(state.ends[host] ?? .zero, end)
            return Array(state.watchers.values)
        }
        for watcher in watchers { watcher.yield() }
    }

    /// Whether a registry wants nothing now.
    func lasts(at host: RegistryHost) -> Bool {
        state.withLock { state in
            guard let end = state.ends[host] else { return false }
            guard end <= timer.now() else { return true }
            state.ends[host] = nil
            return false
        }
    }

    /// Comes with each pause from now on, several at once being one; ends with the task that waits for it.
    var news: AsyncStream<Void> {
        let (stream, watcher) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let number = state.withLock { state in
            state.count += 1
            state.watchers[state.count] = watcher
            return state.count
        }
        watcher.onTermination = { [weak self] _ in self?.state.withLock { $0.watchers[number] = nil } }
        return stream
    }
}
