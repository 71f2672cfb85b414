import Glibc
import Logging
import OCI
import Output
import Serve
import Synchronization

/// Writes log events to standard error, one line each; those up to `info` may wait for others.
struct LogOutput: LogHandler {
    let format: GlobalOptions.LogFormat
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    var style = LogStyle.standardError
    /// Leaves out all but the first few warnings of a kind; `nil` leaves out none.
    var likeLines: LikeLines?

    init(format: GlobalOptions.LogFormat, level: Logger.Level) {
        self.format = format
        logLevel = level
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let counted = event.level == .warning ? likeLines : nil
        switch counted?.verdict(event.message.description) ?? .shown {
        case .shown: write(event)
        case .replaced:
            let message = "more like '\(event.message)' are not shown here; '-v' shows all"
            Terminal.standardError.write(shown(line(event.level, message, [:])))
        case .leftOut: break
        }
    }

    private func write(_ event: LogEvent) {
        let own = event.metadata ?? [:]
        let all = metadata.isEmpty ? own : metadata.merging(own) { _, new in new }
        let line = shown(line(event.level, event.message.description, all))
        // What somebody should look at must be there even if the process is killed next.
        if event.level > .info { Terminal.standardError.write(line) } else { Terminal.standardError.writeSoon(line) }
    }

    /// On a terminal as many lines as it takes, broken at blanks.
    private func shown(_ line: String) -> String {
        guard style.isOnTerminal, format == .text else { return line }
        return FoldedText.log(line, columns: Terminal.standardError.size.columns)
    }

    /// The line in the place of log lines that nobody read in time.
    func loss(of count: Int) -> String {
        line(.warning, "log lines were lost, because nobody read them", ["lines": "\(count)"])
    }

    func line(_ level: Logger.Level, _ message: String, _ metadata: Logger.Metadata) -> String {
        var line = begin(level, message)
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
            line.add(key, format == .text ? style.value(value.description) : value.description)
        }
        return line.finished()
    }

    private func begin(_ level: Logger.Level, _ message: String) -> LogLine {
        switch format {
        case .text:
            let message = style.value(message).displaySafe
            let beginning = "\(Timestamp.now) \(style.level(level)) \(message)"
            return LogLine(.text, beginning, columnsAfter: style.isOnTerminal ? message : nil)
        case .json: return LogLine(.json, Self.jsonBeginning(level, message, at: .now))
        }
    }

    /// One event as a line of JSON; the fields' values are JSON already.
    static func jsonLine(
        _ level: Logger.Level,
        _ message: String,
        _ fields: [(key: String, value: String)],
        at time: Timestamp = .now
    ) -> String {
        jsonBeginning(level, message, at: time)
            + fields.map { ",\(JSONText.quoted($0.key)):\($0.value)" }.joined() + "}\n"
    }

    private static func jsonBeginning(_ level: Logger.Level, _ message: String, at time: Timestamp) -> String {
        "{\"time\":\"\(time)\",\"level\":\"\(level.rawValue)\",\"message\":\(JSONText.quoted(message))"
    }
}

extension LogOutput: LineLogHandler {
    /// On a terminal values are shortened.
    func begin(_ message: StaticString) -> LogLine? {
        style.isOnTerminal && format == .text || !metadata.isEmpty ? nil : begin(.info, message.description)
    }

    func write(_ line: consuming LogLine) { Terminal.standardError.writeSoon(line.finished()) }
}

/// A moment as log lines and results tell it: RFC 3339 in UTC, to the second.
struct Timestamp: CustomStringConvertible {
    let description: String

    /// Made once a second: a busy server writes tens of thousands of lines in one.
    static var now: Timestamp {
        let now = Int64(time(nil))
        return last.withLock { last in
            if last.second != now { last = (now, Timestamp(secondsSince1970: now)) }
            return last.text
        }
    }

    private static let last = Mutex((second: Int64(0), text: Timestamp(secondsSince1970: 0)))

    init(secondsSince1970: Int64) {
        var seconds = time_t(secondsSince1970)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        var buffer = [CChar](repeating: 0, count: 32)
        let length = strftime(&buffer, buffer.count, "%Y-%m-%dT%H:%M:%SZ", &parts)
        description = String(decoding: buffer[..<length].map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// The day alone.
    var day: String { String(description.prefix(10)) }
}
