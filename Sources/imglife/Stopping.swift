import Concurrency
import Glibc
import Logging
import Synchronization
import UnixSignals

/// How a command that runs until it is told to stop hears of it.
final class Stopping: Sendable {
    private let signals: UnixSignalsSequence
    private let logger: Logger
    private let words: String
    /// Whether anybody can be told to stop.
    private let isAwaited = Atomic(false)
    private let stops = AsyncStream<CInt>.makeStream()
    private let reloads = AsyncStream<Void>.makeStream()
    private let early = AsyncStream<Void>.makeStream()

    private init(signals: UnixSignalsSequence, logger: Logger, words: String) {
        self.signals = signals
        self.logger = logger
        self.words = words
    }

    /// Runs the work; a second INT or TERM ends the process at once, and one before the work listens to them cancels it,
    /// which is no error.
    ///
    /// - Parameters:
    ///   - logger: where the first one is told; nobody may have to wait for its reader (``Terminal/gathering(tellLoss:_:)``).
    ///   - words: what the log says then.
    ///   - work: what is told to stop by ``wait(reload:)``.
    /// - Throws: what the work throws.
    static func run(
        logger: Logger,
        words: String = "stopping; answers under way may finish",
        _ work: @escaping @Sendable (Stopping) async throws -> Void
    ) async throws {
        let stopping = Stopping(
            signals: await UnixSignalsSequence(trapping: .sigint, .sigterm, .sighup),
            logger: logger,
            words: words
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await stopping.listen() }
            group.addTask { try await stopping.run(work) }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// Cancels the work where it is told to stop before it waits for that.
    private func run(_ work: @escaping @Sendable (Stopping) async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await work(self) }
            group.addTask { [early] in _ = await early.stream.first { _ in true } }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// How long what is read after HUP is waited for, which may be a FIFO that nobody writes.
    private static let reloadPatience = Duration.seconds(60)

    /// Waits for INT or TERM, and calls `reload` after each HUP, which is cancelled when it takes too long.
    ///
    /// - Returns: the exit status for work that was cut short, 130 or 143; `nil` when the task was cancelled first.
    @discardableResult
    func wait(reload: @escaping @Sendable () async -> Void) async -> CInt? {
        isAwaited.store(true, ordering: .releasing)
        return await withTaskGroup(of: CInt?.self) { [reloads, stops, logger] group in
            group.addTask {
                for await _ in reloads.stream {
                    do {
                        try await Timer(ContinuousClock()).limit(Self.reloadPatience, reload)
                    } catch is Timer.Expired {
                        logger.error("what was to be read again does not come; the old stays")
                    } catch {}
                }
                return nil
            }
            group.addTask { await stops.stream.first { _ in true } }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
    }

    private func listen() async {
        var isStopping = false
        for await signal in signals {
            if signal == .sighup {
                reloads.continuation.yield()
                continue
            }
            let code: CInt = signal == .sigint ? 130 : 143
            if isStopping { Interruption.endAtOnce(code) }
            isStopping = true
            logger.notice("\(words)", metadata: ["signal": "\(signal)"])
            stops.continuation.yield(code)
            if !isAwaited.load(ordering: .acquiring) { early.continuation.yield() }
        }
    }
}
