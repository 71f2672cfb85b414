import Logging
import OCI

/// Turns what a hook prints into log events, one a line.
///
/// At most ``maximumBytes`` are logged, then a note and nothing more; of a line the first ``maximumLineLength``
/// characters. Tabs become spaces, other control characters are escaped. Memory is bounded by one line.
struct HookOutput: Sendable {
    static let maximumBytes = 1 << 20
    static let maximumLineLength = 1024
    private static let keptLines = 10
    /// What is kept of a line: enough for as many characters as are shown.
    private static let maximumLineBytes = 4 * maximumLineLength

    private let log: @Sendable (String) -> Void
    /// The last lines, for a log that does not have them all.
    private(set) var last: [String] = []
    private var line: [UInt8] = []
    private var remaining = Self.maximumBytes

    /// - Parameter log: takes one line, safe to show.
    init(log: @escaping @Sendable (String) -> Void) {
        self.log = log
    }

    init(logger: Logger, metadata: Logger.Metadata) {
        self.init { line in
            logger.info("hook output", metadata: metadata.merging(["line": "\(line)"]) { _, new in new })
        }
    }

    mutating func receive(_ bytes: UnsafeRawBufferPointer) {
        guard remaining > 0 else { return }
        for byte in bytes.prefix(remaining) {
            if byte == UInt8(ascii: "\n") {
                endLine()
            } else if line.count <= Self.maximumLineBytes {
                line.append(byte == UInt8(ascii: "\t") ? UInt8(ascii: " ") : byte)
            }
        }
        remaining -= min(remaining, bytes.count)
        if remaining == 0 {
            finish()
            log("[output beyond 1 MiB is left out]")
        }
    }

    /// Logs a last line that has no end.
    mutating func finish() {
        if !line.isEmpty { endLine() }
    }

    private mutating func endLine() {
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        let text = String(decoding: line, as: UTF8.self).displaySafe(limit: Self.maximumLineLength)
        log(text)
        last = last.suffix(Self.keptLines - 1) + [text]
        line.removeAll(keepingCapacity: true)
    }
}
