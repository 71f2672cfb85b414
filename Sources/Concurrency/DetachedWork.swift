import Synchronization

/// Work that goes on when whoever asked for it has left; all of it ends with one scope.
package final class DetachedWork: Sendable {
    package typealias Job = @Sendable () async -> Void

    /// How much may be under way at once: an asker who comes and goes must not pile work up.
    package static let limit = 512

    private let stream: AsyncStream<Job>
    private let continuation: AsyncStream<Job>.Continuation
    private let active = Mutex(0)

    package init() {
        (stream, continuation) = AsyncStream.makeStream()
    }

    /// Begins a job.
    ///
    /// - Returns: whether there was room for it.
    @discardableResult
    package func begin(_ job: @escaping Job) -> Bool {
        let hasRoom = active.withLock { active in
            guard active < Self.limit else { return false }
            active += 1
            return true
        }
        guard hasRoom else { return false }
        continuation.yield(job)
        return true
    }

    /// Says that nothing more is begun, so that ``run()`` ends with what has been.
    package func finish() { continuation.finish() }

    /// Runs what is begun until the task is cancelled or there is nothing more, then waits for it to stop.
    package func run() async {
        await withDiscardingTaskGroup { group in
            for await job in stream {
                group.addTask {
                    await job()
                    self.active.withLock { $0 -= 1 }
                }
            }
        }
    }
}
