import OCI
import Synchronization

/// Makes complete files durable and visible, many at a time where many wait.
///
/// Whoever comes first leads: it commits its own file, and what came meanwhile is handed to one of those who wait. So a
/// lone blob waits for nobody, and no task of its own is needed.
final class GroupCommit: Sendable {
    /// Whether the blob is here and recorded.
    typealias Outcome = Result<Bool, any Error>

    private enum Turn: Sendable {
        case lead
        case done(Outcome)
    }

    private struct Entry: Sendable {
        let item: PendingCommit
        let continuation: CheckedContinuation<Turn, Never>
    }

    private struct State {
        var waiting: [Entry] = []
        var isLed = false
    }

    private let state = Mutex(State())
    private let commitBatch: @Sendable ([PendingCommit]) async -> [Outcome]

    init(commitBatch: @escaping @Sendable ([PendingCommit]) async -> [Outcome]) {
        self.commitBatch = commitBatch
    }

    /// Returns when the blob is durable, visible and recorded; goes on to the end when the task is cancelled.
    ///
    /// - Returns: `false` only for a file that was met without a row and has gone meanwhile.
    @discardableResult
    func commit(_ item: PendingCommit) async throws -> Bool {
        let turn = await withCheckedContinuation { continuation in
            let leads = state.withLock { state in
                guard state.isLed else {
                    state.isLed = true
                    return true
                }
                state.waiting.append(Entry(item: item, continuation: continuation))
                return false
            }
            if leads { continuation.resume(returning: .lead) }
        }
        switch turn {
        case .done(let outcome): return try outcome.get()
        case .lead: return try await lead(item).get()
        }
    }

    private func lead(_ own: PendingCommit) async -> Outcome {
        let others = state.withLock { state in
            let waiting = state.waiting
            state.waiting = []
            return waiting
        }
        // In a task of its own, because the leader's may be cancelled, and the others' files are none of its business.
        let batch = Task { [commitBatch] in await commitBatch([own] + others.map(\.item)) }
        let outcomes = await batch.value
        for (entry, outcome) in zip(others, outcomes.dropFirst()) {
            entry.continuation.resume(returning: .done(outcome))
        }
        let successor = state.withLock { state in
            guard state.waiting.isEmpty else { return state.waiting.removeFirst() as Entry? }
            state.isLed = false
            return nil
        }
        successor?.continuation.resume(returning: .lead)
        return outcomes[0]
    }
}
