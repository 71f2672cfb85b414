import ArgumentParser
import Glibc
import Logging
import UnixSignals

/// Ends a command's work when the process is told to stop.
enum Interruption {
    /// Runs the work; INT and TERM cancel it, a second one ends the process at once.
    ///
    /// - Throws: `ExitCode` 130 after INT and 143 after TERM; else what the work throws.
    static func run(logger: Logger, _ work: @escaping @Sendable () async throws -> Void) async throws {
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
        let (requests, request) = AsyncStream<CInt>.makeStream()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await listen(to: signals, forwardingTo: request, logger: logger) }
            group.addTask { try await run(work, until: requests) }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// The first signal asks the work to stop; the second does not wait for it.
    private static func listen(
        to signals: UnixSignalsSequence,
        forwardingTo request: AsyncStream<CInt>.Continuation,
        logger: Logger
    ) async {
        var isStopping = false
        for await signal in signals {
            let code: CInt = signal == .sigint ? 130 : 143
            if isStopping { _exit(code) }
            isStopping = true
            logger.notice("stopping; partial downloads are kept", metadata: ["signal": "\(signal)"])
            request.yield(code)
        }
    }

    private static func run(
        _ work: @escaping @Sendable () async throws -> Void,
        until requests: AsyncStream<CInt>
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await work() }
            group.addTask {
                for await code in requests { throw ExitCode(code) }
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }
}
