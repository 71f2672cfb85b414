import GRDB
import Synchronization

/// One of the short transactions in which something long is read.
///
/// A reader of one process holds up the writers of all others for as long as its transaction lasts, so none may last as
/// long as the cache is large.
struct ReadPage: Sendable {
    /// Short enough that a writer hardly notices, long enough that few pages have to wait for a busy writer's commits.
    static let length = Duration.milliseconds(40)

    private let end = ContinuousClock.now + Self.length

    /// Whether the rest is to be read in another transaction.
    var isOver: Bool { ContinuousClock.now >= end }
}

extension CacheIndex {
    /// Reads something long in short transactions, between which others may write.
    ///
    /// `body` goes on where the state says it stopped, until it returns `true`; it stops when its page is over. What
    /// others write between two pages may be seen or not.
    ///
    /// - Returns: the state at the end.
    /// - Throws: ``CacheError``; `CancellationError`, between two pages.
    func readPages<State: Sendable>(
        _ state: State,
        _ body: @escaping @Sendable (inout State, Database, ReadPage) throws -> Bool
    ) async throws -> State {
        let shared = SharedState(state)
        while true {
            try Task.checkCancellation()
            let isDone = try await read { db in try shared.state.withLock { try body(&$0, db, ReadPage()) } }
            if isDone { return shared.state.withLock { $0 } }
        }
    }

    /// As ``readPages(_:_:)``; blocks.
    func readPagesBlocking<State>(
        _ state: State,
        _ body: (inout State, Database, ReadPage) throws -> Bool
    ) throws(CacheError) -> State {
        var state = state
        while try !read({ db in try body(&state, db, ReadPage()) }) {}
        return state
    }
}

/// What goes from one transaction to the next without being copied.
private final class SharedState<State: Sendable>: Sendable {
    let state: Mutex<State>

    init(_ state: State) { self.state = Mutex(state) }
}
