import ArgumentParser
import Concurrency
import Dispatch
import Glibc
import Logging
import UnixSignals

/// Ends a command's work when the process is told to stop.
enum Interruption {
    /// Runs the work; INT, TERM and HUP cancel it, a second one ends the process at once.
    ///
    /// - Throws: `ExitCode` 130 after INT, 143 after TERM and 129 after HUP; else what the work throws.
    static func run(logger: Logger, _ work: @escaping @Sendable () async throws -> Void) async throws {
        let signals = await UnixSignalsSequence(trapping: trapped)
        let watches = trapped.map(watch)
        defer { for watch in watches { watch.cancel() } }
        let (requests, request) = AsyncStream<UnixSignal>.makeStream()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await listen(to: signals, forwardingTo: request) }
            group.addTask { try await run(work, until: requests, logger: logger) }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// Frees those who wait for a log that nobody reads: they may hold all the threads on which anybody would hear the signal.
    private static func watch(_ signal: UnixSignal) -> any DispatchSourceSignal {
        let source = DispatchSource.makeSignalSource(signal: signal.rawValue, queue: DispatchQueue(label: "signals"))
        source.setEventHandler { Terminal.standardError.stopWaiting() }
        source.resume()
        return source
    }

    /// Who began the process with HUP ignored, as nohup(1) does, wants it to outlive its terminal.
    private static var trapped: [UnixSignal] {
        var action = sigaction()
        let isKnown = sigaction(SIGHUP, nil, &action) == 0
        let isIgnored = isKnown && unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1
        return isIgnored ? [.sigint, .sigterm] : [.sigint, .sigterm, .sighup]
    }

    /// Ends the process without waiting for its work; what it has started ends with it.
    static func endAtOnce(_ code: CInt) -> Never {
        ProcessGroups.started.killAll()
        Terminal.standardError.flush()
        _exit(code)
    }

    /// The first signal asks the work to stop; the second does not wait for it.
    private static func listen(
        to signals: UnixSignalsSequence,
        forwardingTo request: AsyncStream<UnixSignal>.Continuation
    ) async {
        var isStopping = false
        for await signal in signals {
            if isStopping { Self.endAtOnce(code(of: signal)) }
            isStopping = true
            request.yield(signal)
        }
    }

    private static func code(of signal: UnixSignal) -> CInt {
        signal == .sigint ? 130 : signal == .sighup ? 129 : 143
    }

    private static func run(
        _ work: @escaping @Sendable () async throws -> Void,
        until requests: AsyncStream<UnixSignal>,
        logger: Logger
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await work() }
            group.addTask {
                for await signal in requests {
                    // Not by whoever listens: a log that nobody reads lets it wait.
                    logger.notice("stopping; partial downloads are kept", metadata: ["signal": "\(signal)"])
                    throw ExitCode(code(of: signal))
                }
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }
}
