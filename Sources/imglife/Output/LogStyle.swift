import Glibc
import Logging

/// How a log line looks: whole for programs and files, and for a person at a terminal short and aligned.
struct LogStyle: Sendable {
    var isOnTerminal = false
    var isColoured = false

    /// As whatever standard error leads to has it.
    static let standardError: LogStyle = {
        let isOnTerminal = Terminal.standardError.isTerminal
        func value(_ name: String) -> String { getenv(name).map { String(cString: $0) } ?? "" }
        return LogStyle(
            isOnTerminal: isOnTerminal,
            isColoured: isOnTerminal && value("NO_COLOR").isEmpty && value("TERM") != "dumb"
        )
    }()

    /// Levels take one column, so that messages begin below each other.
    func level(_ level: Logger.Level) -> String {
        let name = level.rawValue.uppercased()
        guard isOnTerminal else { return name }
        let padded = ColumnText.fitted(name, Self.levelColumns)
        return isColoured ? Self.colour(level).map { "\u{1B}[\($0)m\(padded)\u{1B}[0m" } ?? padded : padded
    }

    /// Digests are cut to what people know them by.
    func value(_ text: String) -> String { isOnTerminal ? Self.withShortDigests(text) : text }

    static func withShortDigests(_ text: String) -> String {
        guard text.contains("sha") else { return text }
        return text.replacing(/(sha256|sha512):([0-9a-f]{12})[0-9a-f]{52,116}/) { "\($0.output.1):\($0.output.2)" }
    }

    private static let levelColumns = "WARNING".count

    private static func colour(_ level: Logger.Level) -> String? {
        switch level {
        case .critical, .error: "31"
        case .warning: "33"
        case .notice: "1"
        case .info: nil
        case .debug, .trace: "2"
        }
    }
}
