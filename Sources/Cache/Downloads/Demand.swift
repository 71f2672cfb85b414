package import Concurrency
import Synchronization

/// Whether anybody still wants a download, which goes on only while somebody does.
///
/// One that has not begun ends as soon as nobody waits for it; one that runs gets a grace, in which its readers may come
/// back, unless others wait for its place. What has arrived stays for the next one.
package final class Demand: Sendable {
    /// What ends a download that nobody wants; who joins it before it has ended has it go on.
    struct Dropped: Error {}

    private enum Verdict {
        case goOn
        /// It ends when that time has passed.
        case waits(Duration)
        case end
    }

    private struct State {
        var readers = 0
        var hasBegun = false
        var unwantedSince: Duration?
        var watchers: [Signal<Void>] = []
    }

    private let grace: Duration
    private let timer: Timer
    private let isContended: @Sendable () -> Bool
    private let state = Mutex(State())

    /// - Parameters:
    ///   - grace: how long a download that runs goes on although nobody reads it.
    ///   - timer: measures it.
    ///   - isContended: whether somebody else waits for its place.
    package init(grace: Duration, timer: Timer, isContended: @escaping @Sendable () -> Bool = { false }) {
        self.grace = grace
        self.timer = timer
        self.isContended = isContended
    }

    package var isWanted: Bool { state.withLock { $0.readers > 0 } }

    /// Says that its source is being read.
    package func begin() { change { $0.hasBegun = true } }

    /// Looks again whether somebody else waits for its place.
    ///
    /// Then there is no grace; one that is wanted goes on.
    package func reconsider() { change { _ in } }

    func readerCame() {
        change { state in
            state.readers += 1
            state.unwantedSince = nil
        }
    }

    func readerLeft() {
        let now = timer.now()
        change { state in
            state.readers -= 1
            if state.readers == 0 { state.unwantedSince = now }
        }
    }

    /// Runs a download, which is cancelled when nobody wants it any more.
    ///
    /// - Parameters:
    ///   - isNearlyDone: whether little of it is left, so that it may as well be finished.
    ///   - body: the download.
    /// - Throws: ``Dropped``; what `body` throws.
    func hold(
        isNearlyDone: @escaping @Sendable () -> Bool,
        _ body: @escaping @Sendable () async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await body()
                return true
            }
            group.addTask { [self] in
                try await whenUnwanted(isNearlyDone)
                return false
            }
            defer { group.cancelAll() }
            guard try await group.next() == false else { return }
            group.cancelAll()
            // It may have come to its end meanwhile.
            let rest = await group.nextResult()
            if case .success? = rest { return }
            throw Dropped()
        }
    }

    private func whenUnwanted(_ isNearlyDone: () -> Bool) async throws {
        while true {
            let changed = Signal<Void>()
            switch verdict(watchedBy: changed) {
            case .end where isNearlyDone(): await changed.value()
            case .end: return
            case .goOn: await changed.value()
            case .waits(let duration): _ = try? await timer.limit(duration) { await changed.value() }
            }
            try Task.checkCancellation()
        }
    }

    private func verdict(watchedBy signal: Signal<Void>) -> Verdict {
        // First, so that nothing is missed that changes while it is looked at.
        state.withLock { $0.watchers.append(signal) }
        let now = timer.now()
        let isContended = isContended()
        return state.withLock { state in
            guard let since = state.unwantedSince else { return .goOn }
            let rest = since + grace - now
            return state.hasBegun && !isContended && rest > .zero ? .waits(rest) : .end
        }
    }

    private func change(_ body: (inout State) -> Void) {
        let watchers = state.withLock { state in
            body(&state)
            defer { state.watchers = [] }
            return state.watchers
        }
        for watcher in watchers { watcher.send(()) }
    }
}
