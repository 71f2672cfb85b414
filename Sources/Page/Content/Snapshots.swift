import Concurrency
import Synchronization

/// Keeps the newest snapshot, and has a new one made when an old one is asked for: one at a time, for everybody.
///
/// What takes long to make is made seldom, and is not waited for while there is one that is not too old.
final class Snapshots<Snapshot: Sendable>: Sendable {
    /// The age up to which a snapshot is as good as new.
    static var lifetime: Duration { .seconds(5) }
    /// How many times the time that it took a snapshot lives at least.
    static var share: Int { 20 }
    /// One that took longer than this is not waited for while there is another.
    static var patience: Duration { .milliseconds(400) }
    /// The age from which another is waited for, however long it takes.
    static var staleness: Duration { .seconds(600) }

    private typealias Waiter = CheckedContinuation<Snapshot, any Error>

    private struct Kept {
        let snapshot: Snapshot
        let madeAt: Duration
        let cost: Duration

        var lifetime: Duration { max(Snapshots.lifetime, cost * Snapshots.share) }
    }

    private struct State {
        var kept: Kept?
        var isWanted = false
        var isClosed = false
        var waiters: [UInt64: Waiter] = [:]
        var nextWaiter: UInt64 = 0
    }

    private let make: @Sendable () async throws -> Snapshot
    private let time: Timer
    private let state = Mutex(State())
    private let wishes: AsyncStream<Void>
    private let wish: AsyncStream<Void>.Continuation

    init(clock: any Clock<Duration>, make: @escaping @Sendable () async throws -> Snapshot) {
        self.make = make
        time = Timer(clock)
        (wishes, wish) = AsyncStream.makeStream()
    }

    /// A snapshot that is new enough.
    ///
    /// - Throws: what making it throws, unless there is one that is not too old; `CancellationError`.
    func current() async throws -> Snapshot {
        let now = time.now()
        if let kept = state.withLock({ kept(at: now, &$0) }) { return kept }
        return try await next(at: now)
    }

    /// Makes what is asked for until the task is cancelled.
    func run() async {
        for await _ in wishes {
            let began = time.now()
            let result: Result<Snapshot, any Error>
            do {
                result = .success(try await make())
            } catch {
                result = .failure(error)
            }
            let ended = time.now()
            settle { state in
                if case .success(let snapshot) = result {
                    state.kept = Kept(snapshot: snapshot, madeAt: began, cost: ended - began)
                }
                return result
            }
        }
        settle { state in
            state.isClosed = true
            return .failure(CancellationError())
        }
    }

    private func settle(_ change: (inout State) -> Result<Snapshot, any Error>) {
        let (waiters, result) = state.withLock { state in
            let result = change(&state)
            defer { state.waiters = [:] }
            state.isWanted = false
            return (Array(state.waiters.values), result)
        }
        for waiter in waiters { waiter.resume(with: result) }
    }

    private func want(_ state: inout State) {
        guard !state.isWanted else { return }
        state.isWanted = true
        wish.yield()
    }

    /// - Returns: `nil` where another has to be waited for; it is made where the kept one is not as good as new.
    private func kept(at now: Duration, _ state: inout State) -> Snapshot? {
        guard let kept = state.kept else { return nil }
        let age = now - kept.madeAt
        if age < kept.lifetime { return kept.snapshot }
        want(&state)
        return kept.cost > Self.patience && age < Self.staleness ? kept.snapshot : nil
    }

    private func next(at now: Duration) async throws -> Snapshot {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let result = state.withLock { state -> Result<Snapshot, any Error>? in
                    guard !Task.isCancelled, !state.isClosed else { return .failure(CancellationError()) }
                    // It may have been made since it was looked for.
                    if let kept = kept(at: now, &state) { return .success(kept) }
                    state.waiters[id] = continuation
                    want(&state)
                    return nil
                }
                if let result { continuation.resume(with: result) }
            }
        } onCancel: {
            let waiter = state.withLock { $0.waiters.removeValue(forKey: id) }
            waiter?.resume(throwing: CancellationError())
        }
    }
}
