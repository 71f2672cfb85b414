import Synchronization

/// Work that goes on when whoever asked for it has left; all of it ends with one scope.
package final class DetachedWork: Sendable {
    package typealias Job = @Sendable () async -> Void

    /// How much may be under way at once: an asker who comes and goes must not pile work up.
    package static let limit = 512
    /// How much of it may be about one thing, such as a host: it must leave room for others.
    package static let share = 128

    private let stream: AsyncStream<Job>
    private let continuation: AsyncStream<Job>.Continuation
    private let active = Mutex(Active())

    private struct Active {
        var count = 0
        var shares: [String: Int] = [:]
        /// Who waits for room, the longest wait first; nobody for whom there is some.
        var waiters: [(subject: String?, turn: Signal<Void>)] = []

        mutating func take(_ subject: String?) -> Bool {
            guard hasRoom(for: subject) else { return false }
            count += 1
            if let subject { shares[subject, default: 0] += 1 }
            return true
        }

        mutating func leave(_ subject: String?) {
            count -= 1
            if let subject, let share = shares[subject] { shares[subject] = share > 1 ? share - 1 : nil }
            while let index = waiters.firstIndex(where: { hasRoom(for: $0.subject) }) {
                let next = waiters.remove(at: index)
                if next.turn.send(()) { _ = take(next.subject) }
            }
        }

        private func hasRoom(for subject: String?) -> Bool {
            count < DetachedWork.limit && (subject.flatMap { shares[$0] } ?? 0) < DetachedWork.share
        }
    }

    /// How many wait for room.
    var waiterCount: Int { active.withLock { $0.waiters.count } }

    package init() {
        (stream, continuation) = AsyncStream.makeStream()
    }

    /// Begins a job.
    ///
    /// - Parameters:
    ///   - subject: what it is about, where no more than a share may be about one thing.
    ///   - job: what is done.
    /// - Returns: whether there was room for it, in time.
    @discardableResult
    package func begin(about subject: String? = nil, _ job: @escaping Job) -> Bool {
        active.withLock { $0.take(subject) } && start(subject, job)
    }

    /// Begins a job as soon as there is room for it: before all that ``begin(about:_:)`` begins.
    ///
    /// - Parameters:
    ///   - subject: what it is about.
    ///   - job: what is done.
    /// - Returns: whether that was in time.
    /// - Throws: `CancellationError` when the task is cancelled before there is room.
    package func beginInTurn(about subject: String? = nil, _ job: @escaping Job) async throws -> Bool {
        let turn = Signal<Void>()
        let hasRoom = active.withLock { active in
            if active.take(subject) { return true }
            active.waiters.append((subject, turn))
            return false
        }
        if !hasRoom, await turn.value() == nil {
            active.withLock { $0.waiters.removeAll { $0.turn === turn } }
            throw CancellationError()
        }
        return start(subject, job)
    }

    private func start(_ subject: String?, _ job: @escaping Job) -> Bool {
        let result = continuation.yield { [self] in
            await job()
            active.withLock { $0.leave(subject) }
        }
        guard case .terminated = result else { return true }
        active.withLock { $0.leave(subject) }
        return false
    }

    /// Runs a body together with what it begins, which may end after it, and also after its task was cancelled.
    ///
    /// - Parameters:
    ///   - body: what is run.
    ///   - patience: returns when what is left after the body has had its time.
    /// - Returns: what the body returns.
    /// - Throws: what the body throws.
    package func accompanying<R>(
        _ body: () async throws -> R,
        patience: @escaping @Sendable () async -> Void
    ) async throws -> R {
        // What cancels this task does not reach them; both are awaited here.
        let work = Task { await run() }
        let result: Result<R, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        finish()
        let end = Task {
            await patience()
            work.cancel()
        }
        await work.value
        end.cancel()
        await end.value
        return try result.get()
    }

    /// Says that nothing more is begun, so that ``run()`` ends with what has been.
    package func finish() { continuation.finish() }

    /// Runs what is begun until the task is cancelled or there is nothing more, then waits for it to stop.
    package func run() async {
        await withDiscardingTaskGroup { group in
            for await job in stream {
                group.addTask { await job() }
            }
        }
    }
}
