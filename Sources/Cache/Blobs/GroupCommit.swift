import OCI
import Synchronization

/// Makes complete files durable and visible, many at a time where many wait.
///
/// What comes while a batch is under way makes up the next one; a lone blob waits for nobody. The work is the cache's own
/// (``run()``, a child of its scope), so that a commit which is under way does not end with whoever asked for it.
final class GroupCommit: Sendable {
    /// Whether the blob is here and recorded.
    typealias Outcome = Result<Bool, any Error>

    private struct Entry: Sendable {
        let item: PendingCommit
        let continuation: CheckedContinuation<Outcome, Never>
    }

    private struct State {
        var waiting: [Entry] = []
        /// Who waits for entries.
        var idle: CheckedContinuation<Void, Never>?
        var isFinished = false
    }

    private let state = Mutex(State())
    private let pulse: any Clock<Duration>
    private let commitBatch: @Sendable ([PendingCommit]) async -> [Outcome]

    init(pulse: any Clock<Duration>, commitBatch: @escaping @Sendable ([PendingCommit]) async -> [Outcome]) {
        self.pulse = pulse
        self.commitBatch = commitBatch
    }

    /// Returns when the blob is durable, visible and recorded; goes on to the end when the task is cancelled.
    ///
    /// - Returns: `false` only for a file that was met without a row and has gone meanwhile.
    /// - Throws: ``CacheError``: `closed` after the end of the cache's scope.
    @discardableResult
    func commit(_ item: PendingCommit) async throws -> Bool {
        let outcome = await withCheckedContinuation { continuation in
            let (isTaken, idle) = state.withLock { state in
                guard !state.isFinished else { return (false, nil as CheckedContinuation<Void, Never>?) }
                state.waiting.append(Entry(item: item, continuation: continuation))
                defer { state.idle = nil }
                return (true, state.idle)
            }
            idle?.resume()
            if !isTaken {
                continuation.resume(returning: .failure(CacheError.closed("store \(item.descriptor.digest)")))
            }
        }
        return try outcome.get()
    }

    /// Commits what comes until ``finish()``, also when the task is cancelled: those who wait are other tasks.
    func run() async {
        while let entries = await next() {
            let items = entries.map(\.item)
            let outcomes = await givingSigns(of: items) { await commitBatch(items) }
            for (entry, outcome) in zip(entries, outcomes) { entry.continuation.resume(returning: outcome) }
        }
    }

    /// Shows other processes that this one works on the files, until they have their rows: also while the disk takes its time
    /// over an fsync of one or of the directory, and on those that wait for their turn.
    private func givingSigns<R>(of items: [PendingCommit], _ body: () async -> R) async -> R {
        await Patience.givingSigns(pulse) { [self] in
            for item in items + state.withLock({ $0.waiting.map(\.item) }) { item.file.touch() }
        } _: {
            await body()
        }
    }

    /// Takes nothing more; ``run()`` returns when what has come is committed.
    func finish() {
        let idle = state.withLock { state in
            state.isFinished = true
            defer { state.idle = nil }
            return state.idle
        }
        idle?.resume()
    }

    /// - Returns: `nil` at the end.
    private func next() async -> [Entry]? {
        while true {
            let (entries, isFinished) = state.withLock { state in
                defer { state.waiting = [] }
                return (state.waiting, state.isFinished)
            }
            if !entries.isEmpty { return entries }
            if isFinished { return nil }
            await withCheckedContinuation { continuation in
                let isDue = state.withLock { state in
                    let isDue = !state.waiting.isEmpty || state.isFinished
                    if !isDue { state.idle = continuation }
                    return isDue
                }
                if isDue { continuation.resume() }
            }
        }
    }
}
