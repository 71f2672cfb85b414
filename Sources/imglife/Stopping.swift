import Glibc
import Logging
import UnixSignals

/// How a command that runs until it is told to stop hears of it.
struct Stopping: Sendable {
    private let signals: UnixSignalsSequence
    private let logger: Logger
    private let stops = AsyncStream<Void>.makeStream()
    private let reloads = AsyncStream<Void>.makeStream()

    /// Runs the work; a second INT or TERM ends the process at once.
    static func run(logger: Logger, _ work: @escaping @Sendable (Stopping) async throws -> Void) async throws {
        let stopping = Stopping(
            signals: await UnixSignalsSequence(trapping: .sigint, .sigterm, .sighup),
            logger: logger
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await stopping.listen() }
            group.addTask { try await work(stopping) }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// Waits for INT or TERM, and calls `reload` after each HUP.
    func wait(reload: @escaping @Sendable () async -> Void) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in reloads.stream { await reload() } }
            group.addTask { for await _ in stops.stream { return } }
            await group.next()
            group.cancelAll()
        }
    }

    private func listen() async {
        var isStopping = false
        for await signal in signals {
            if signal == .sighup {
                reloads.continuation.yield()
                continue
            }
            if isStopping {
                Terminal.standardError.flush()
                _exit(signal == .sigint ? 130 : 143)
            }
            isStopping = true
            logger.notice("stopping; answers under way may finish", metadata: ["signal": "\(signal)"])
            stops.continuation.yield()
        }
    }
}
