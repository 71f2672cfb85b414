import Logging
import Synchronization

/// What could not be removed: it stays and is told of, and keeps nobody from the rest, nor out of the cache.
final class Leftovers: Sendable {
    /// More are not told of one by one.
    private static let toldLimit = 20

    private struct State {
        var count = 0
        var latest: CacheError?
        var told: Set<String> = []
    }

    private let logger: Logger
    private let state = Mutex(State())

    init(logger: Logger) { self.logger = logger }

    /// How often something could not be removed so far.
    var count: Int { state.withLock { $0.count } }

    /// Why the last of them stays; `nil` when there was none since there were `count`.
    func reason(since count: Int) -> CacheError? { state.withLock { $0.count > count ? $0.latest : nil } }

    /// Takes note of what could not be removed, and tells of it once.
    func note(_ error: CacheError) {
        let isNews = state.withLock { state in
            state.count += 1
            state.latest = error
            return state.told.count < Self.toldLimit && state.told.insert(error.description).inserted
        }
        guard isNews else { return }
        logger.warning(
            "something in the cache could not be removed; it stays until a later command can",
            metadata: ["error": "\(error)"]
        )
    }
}
