import Synchronization

/// Work that goes on when whoever asked for it has left; all of it ends with one scope.
package final class DetachedWork: Sendable {
    package typealias Job = @Sendable () async -> Void

    /// A place among the jobs that wait for room.
    package struct Place: Sendable {
        fileprivate let number: UInt64
    }

    /// How much may be under way at once: an asker who comes and goes must not pile work up.
    package static let limit = 512
    /// How much of it may be about one thing, such as a host: it must leave room for others.
    package static let share = 128

    private struct Waiter {
        let number: UInt64
        let subject: String
        let goesOn: Bool
        let job: Job
    }

    private let stream: AsyncStream<Job>
    private let continuation: AsyncStream<Job>.Continuation
    private let active = Mutex(Active())

    private struct Active {
        var count = 0
        var shares: [String: Int] = [:]
        /// The longest wait first; nobody for whom there is room.
        var waiters: [Waiter] = []
        var nextNumber: UInt64 = 0

        mutating func enter(_ subject: String?) {
            count += 1
            if let subject { shares[subject, default: 0] += 1 }
        }

        /// Takes one out, and who can begin for it in.
        mutating func leave(_ subject: String?) -> [Waiter] {
            count -= 1
            if let subject, let share = shares[subject] { shares[subject] = share > 1 ? share - 1 : nil }
            var next: [Waiter] = []
            while let index = waiters.firstIndex(where: { hasRoom(for: $0.subject) }) {
                let waiter = waiters.remove(at: index)
                enter(waiter.subject)
                next.append(waiter)
            }
            return next
        }

        mutating func wait(_ waiter: Waiter) {
            let index = waiter.goesOn ? waiters.firstIndex { !$0.goesOn } : nil
            waiters.insert(waiter, at: index ?? waiters.endIndex)
        }

        func hasRoom(for subject: String) -> Bool {
            count < DetachedWork.limit && shares[subject, default: 0] < DetachedWork.share
        }
    }

    /// How many wait for room.
    var waiterCount: Int { active.withLock { $0.waiters.count } }

    package init() {
        (stream, continuation) = AsyncStream.makeStream()
    }

    /// Begins a job.
    ///
    /// - Parameter job: what is done.
    /// - Returns: whether there was room for it, in time.
    @discardableResult
    package func begin(_ job: @escaping Job) -> Bool {
        let hasRoom = active.withLock { active in
            guard active.count < Self.limit else { return false }
            active.enter(nil)
            return true
        }
        return hasRoom && start(nil, job)
    }

    /// Begins a job as soon as there is room for it.
    ///
    /// One that waits when the work ends is never begun.
    ///
    /// - Parameters:
    ///   - subject: what it is about, of which no more than a share is under way.
    ///   - goesOn: whether it goes on with what had begun, and so comes before what is new.
    ///   - job: what is done.
    /// - Returns: what gives its place up again; `nil` when the work has ended.
    package func beginInTurn(about subject: String, goesOn: Bool = false, _ job: @escaping Job) -> Place? {
        let (number, hasRoom) = active.withLock { active in
            active.nextNumber += 1
            let number = active.nextNumber
            let hasRoom = active.hasRoom(for: subject)
            if hasRoom {
                active.enter(subject)
            } else {
                active.wait(Waiter(number: number, subject: subject, goesOn: goesOn, job: job))
            }
            return (number, hasRoom)
        }
        return !hasRoom || start(subject, job) ? Place(number: number) : nil
    }

    /// Lets a job go that nobody wants any more; one that has begun goes on.
    package func giveUp(_ place: Place) {
        active.withLock { $0.waiters.removeAll { $0.number == place.number } }
    }

    private func start(_ subject: String?, _ job: @escaping Job) -> Bool {
        let result = continuation.yield { [self] in
            await job()
            for waiter in active.withLock({ $0.leave(subject) }) { _ = start(waiter.subject, waiter.job) }
        }
        guard case .terminated = result else { return true }
        active.withLock { active in
            active.waiters = []
            _ = active.leave(subject)
        }
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
