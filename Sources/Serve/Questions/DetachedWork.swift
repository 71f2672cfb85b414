import Synchronization

/// Work that goes on when whoever asked for it has left; all of it ends with one scope.
final class DetachedWork: Sendable {
    typealias Job = @Sendable () async -> Void

    /// How much may be under way at once: an asker who comes and goes must not pile work up.
    static let limit = 512

    private let stream: AsyncStream<Job>
    private let continuation: AsyncStream<Job>.Continuation
    private let active = Mutex(0)

    init() {
        (stream, continuation) = AsyncStream.makeStream()
    }

    /// Begins a job.
    ///
    /// - Returns: whether there was room for it.
    func begin(_ job: @escaping Job) -> Bool {
        let hasRoom = active.withLock { active in
            guard active < Self.limit else { return false }
            active += 1
            return true
        }
        guard hasRoom else { return false }
        continuation.yield(job)
        return true
    }

    /// Runs what is begun until the task is cancelled, then waits for it to stop.
    func run() async {
        await withDiscardingTaskGroup { group in
            for await job in stream {
                group.addTask {
                    await job()
                    self.active.withLock { $0 -= 1 }
                }
            }
            group.cancelAll()
        }
    }
}
