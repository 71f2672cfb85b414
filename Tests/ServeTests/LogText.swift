import Logging
import TestSupport

/// Keeps everything that is logged from a level up, as text.
final class LogText: Sendable {
    private let lines = Watched<[String]>([])
    private let level: Logger.Level

    init(level: Logger.Level = .notice) {
        self.level = level
    }

    var text: String { lines.value.joined(separator: "\n") }

    /// Waits for a line that holds a text.
    func wait(for text: String) async throws {
        try await lines.wait { $0.contains { $0.contains(text) } }
    }

    var logger: Logger {
        var logger = Logger(label: "test") { _ in Handler(log: self) }
        logger.logLevel = level
        return logger
    }

    private struct Handler: LogHandler {
        let log: LogText
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.notice

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            log.lines.update { $0.append("\(event.level) \(event.message) \(event.metadata ?? [:])") }
        }
    }
}
