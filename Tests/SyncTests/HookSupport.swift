import FoundationEssentials
import Glibc
import Logging
import OCI
import Sync
import Synchronization

/// Gathers what hooks print and what is said about them.
final class HookLog: Sendable {
    private let entries = Mutex<[(level: Logger.Level, metadata: Logger.Metadata)]>([])
    private let stream: AsyncStream<String>
    private let continuation: AsyncStream<String>.Continuation

    init() {
        (stream, continuation) = AsyncStream.makeStream()
    }

    var logger: Logger { Logger(label: "test") { _ in Handler(log: self) } }

    /// What the hooks printed.
    var lines: [String] { entries.withLock { $0.compactMap { $0.metadata["line"]?.description } } }

    /// Which hook printed each of the lines.
    var hooks: [String] {
        entries.withLock { entries in
            entries.filter { $0.metadata["line"] != nil }.compactMap { $0.metadata["hook"]?.description }
        }
    }

    /// The first hooks of those that were not told of all tags.
    var uninformed: [String] {
        entries.withLock { entries in
            entries.filter { $0.metadata["omitted"] != nil }.compactMap { $0.metadata["hook"]?.description }
        }
    }

    /// What became of them, as the log says beside their names.
    var ends: [String] { entries.withLock { $0.compactMap { $0.metadata["outcome"]?.description } } }

    func count(of level: Logger.Level) -> Int { entries.withLock { $0.count { $0.level == level } } }

    /// Waits until a hook prints the line; returns early when the task is cancelled.
    func wait(for line: String) async {
        for await printed in stream where printed == line { return }
    }

    private func append(_ level: Logger.Level, _ metadata: Logger.Metadata) {
        entries.withLock { $0.append((level, metadata)) }
        if let line = metadata["line"] { continuation.yield(line.description) }
    }

    private struct Handler: LogHandler {
        let log: HookLog
        var logLevel = Logger.Level.trace
        var metadata = Logger.Metadata()

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            log.append(event.level, event.metadata ?? [:])
        }
    }
}

/// A clock whose every sleep ends when the gate opens, whatever its length.
struct GatedClock: Clock {
    /// Whether a sleep that is cancelled ends as others do, as after a stop that lasted beyond its end.
    var isLate = false
    let gate: @Sendable () async -> Void

    var now: ContinuousClock.Instant { .now }
    var minimumResolution: Duration { .nanoseconds(1) }

    func sleep(until deadline: ContinuousClock.Instant, tolerance: Duration?) async throws {
        await gate()
        if !isLate { try Task.checkCancellation() }
    }
}

/// Whether a process exists and has not ended; one that nobody has reaped has.
func isRunning(_ process: pid_t) -> Bool {
    guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
        let state = text.split(separator: ")").last?.split(separator: " ").first
    else { return false }
    return state != "Z" && state != "X"
}

/// Whether a process that was killed goes away; the kernel may take a moment.
func goesAway(_ process: pid_t) async -> Bool {
    let deadline = ContinuousClock.now + .seconds(20)
    while isRunning(process) {
        guard ContinuousClock.now < deadline else { return false }
        await Task.yield()
    }
    return true
}

/// A directory for one test.
func withTemporaryDirectory<Result>(_ body: (String) async throws -> Result) async throws -> Result {
    let path = "\(FileManager.default.temporaryDirectory.path)/imglife-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try await body(path)
}
