import Concurrency
import NIOCore
package import NIOPosix

/// Threads on which work waits that must not take one of the cooperative pool.
///
/// Each kind of waiting has its own, and none are NIO's: a disk that takes seconds over an fsync delays neither a
/// question to the index nor a connection.
package enum WaitingRoom: Sendable {
    /// Looking at files and directories, and what else takes a moment. An index that is open has a thread of its own.
    case files
    /// fsync and what goes with it: the disk takes several at a time.
    case syncing
    /// Reading and hashing content: one for each core.
    case hashing
    /// Other people's files, pipes and terminals, which may let one wait for as long as they like.
    case streams

    private static let fileThreads = started(4)
    private static let syncingThreads = started(4)
    private static let hashingThreads = started(System.coreCount)
    private static let streamThreads = started(4)

    private static func started(_ count: Int) -> NIOThreadPool {
        let pool = NIOThreadPool(numberOfThreads: count)
        pool.start()
        return pool
    }

    /// Lives as long as the process.
    package var threads: NIOThreadPool {
        switch self {
        case .files: Self.fileThreads
        case .syncing: Self.syncingThreads
        case .hashing: Self.hashingThreads
        case .streams: Self.streamThreads
        }
    }
}

/// Runs blocking work on a thread of its kind, away from the cooperative pool.
///
/// It runs to its end even when the task is cancelled: what it guards (fsync, transactions) must not be left half done.
@concurrent
package func blocking<Result: Sendable>(
    on room: WaitingRoom = .files,
    _ work: @escaping @Sendable () throws -> Result
) async throws -> Result {
    try await room.threads.blocking(work)
}

/// Runs work that may wait for ever, such as for the other end of a FIFO: a task that is cancelled leaves it on its thread,
/// where it may still go on.
///
/// - Throws: `CancellationError`; otherwise what the work throws.
package func leavable<Result: Sendable>(_ work: @escaping @Sendable () throws -> Result) async throws -> Result {
    let outcome = Signal<Swift.Result<Result, any Error>>()
    WaitingRoom.streams.threads.submit { state in
        switch state {
        case .active: outcome.send(Swift.Result { try work() })
        case .cancelled: outcome.send(.failure(CancellationError()))
        }
    }
    guard let outcome = await outcome.value() else { throw CancellationError() }
    return try outcome.get()
}

extension NIOThreadPool {
    /// Runs work on one of the threads, to its end also when the task is cancelled.
    @concurrent
    func blocking<Result: Sendable>(_ work: @escaping @Sendable () throws -> Result) async throws -> Result {
        let outcome: Swift.Result<Result, any Error> = await withCheckedContinuation { continuation in
            submit { state in
                switch state {
                case .active: continuation.resume(returning: Swift.Result { try work() })
                case .cancelled: continuation.resume(returning: .failure(CancellationError()))
                }
            }
        }
        return try outcome.get()
    }
}
