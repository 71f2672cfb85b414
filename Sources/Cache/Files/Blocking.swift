import NIOPosix

/// Runs blocking work on a thread of its own kind, away from the cooperative pool.
///
/// It runs to its end even when the task is cancelled: what it guards (fsync, transactions) must not be left half done.
@concurrent
func blocking<Result: Sendable>(_ work: @escaping @Sendable () throws -> Result) async throws -> Result {
    let outcome: Swift.Result<Result, any Error> = await withCheckedContinuation { continuation in
        NIOThreadPool.singleton.submit { state in
            switch state {
            case .active: continuation.resume(returning: Swift.Result { try work() })
            case .cancelled: continuation.resume(returning: .failure(CancellationError()))
            }
        }
    }
    return try outcome.get()
}
