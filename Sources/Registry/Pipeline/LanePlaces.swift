import Concurrency
import Synchronization

/// The places of one lane at a host; its budget decides how many there are.
final class LanePlaces: Sendable {
    private let all: Semaphore
    /// One fewer than all, so that a question need not wait until a blob has come.
    private let content: Semaphore
    private let budget: Mutex<ConnectionBudget>

    init(_ budget: ConnectionBudget) {
        all = Semaphore(budget.limit)
        content = Semaphore(budget.limit - 1)
        self.budget = Mutex(budget)
    }

    func withPlace<Result>(
        isContent: Bool,
        goesFirst: Bool,
        _ body: () async throws -> Result
    ) async throws -> Result {
        guard isContent else { return try await all.withPlace(goesFirst: goesFirst, body) }
        return try await content.withPlace(goesFirst: goesFirst) {
            try await all.withPlace(goesFirst: goesFirst, body)
        }
    }

    /// Takes a place that nobody waits for; ``leave(isContent:)`` gives it back.
    func enterIfFree(isContent: Bool) -> Bool {
        guard !isContent || content.enterIfFree() else { return false }
        if all.enterIfFree() { return true }
        if isContent { content.leave() }
        return false
    }

    func leave(isContent: Bool) {
        all.leave()
        if isContent { content.leave() }
    }

    /// A request is about to enter: where it would wait, there may be more places for what is far.
    ///
    /// - Returns: how many there are from now on, if that changes.
    func makesRoom(at now: Duration) -> Int? {
        guard all.isFull || content.isFull else { return nil }
        return change { $0.waits(at: now) }
    }

    /// How many requests a far host takes at a time; `nil` where none is far.
    func room(at now: Duration) -> Int? { budget.withLock { $0.room(at: now) } }

    /// A request has ended well, and is about to leave its place.
    func ended(bytes: Int64, since start: Duration, at now: Duration) -> Int? {
        let othersWait = all.waiterCount + content.waiterCount > 0
        return change { $0.ended(bytes: bytes, since: start, othersWait: othersWait, at: now) }
    }

    /// - Returns: how many places there are from now on, if that changes.
    func change(_ body: (inout ConnectionBudget) -> Void) -> Int? {
        budget.withLock { budget in
            let before = budget.limit
            body(&budget)
            guard budget.limit != before else { return nil }
            all.resize(to: budget.limit)
            content.resize(to: budget.limit - 1)
            return budget.limit
        }
    }
}
