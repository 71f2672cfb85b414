import NIOPosix

/// The thread of one index: there is one connection, so there is nothing that a second one could do.
///
/// A cache whose index waits for its disk delays no other cache of this process.
final class IndexThread: Sendable {
    private let pool = NIOThreadPool(numberOfThreads: 1)

    init() { pool.start() }

    /// Perhaps on the thread itself, so that nobody waits for its end.
    deinit { pool.shutdownGracefully { _ in } }

    /// As ``blocking(on:_:)``.
    func run<Result: Sendable>(_ work: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await pool.blocking(work)
    }
}
