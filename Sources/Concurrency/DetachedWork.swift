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
    }

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
        let hasRoom = active.withLock { active in
            let share = subject.flatMap { active.shares[$0] } ?? 0
            guard active.count < Self.limit, share < Self.share else { return false }
            active.count += 1
            if let subject { active.shares[subject] = share + 1 }
            return true
        }
        guard hasRoom else { return false }
        let result = continuation.yield { [self] in
            await job()
            end(subject)
        }
        guard case .terminated = result else { return true }
        end(subject)
        return false
    }

    private func end(_ subject: String?) {
        active.withLock { active in
            active.count -= 1
            guard let subject, let share = active.shares[subject] else { return }
            active.shares[subject] = share > 1 ? share - 1 : nil
        }
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
