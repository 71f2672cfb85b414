package import Logging
import NIOCore
import OCI
package import Output

/// Takes lines that are as good as written: values need not be wrapped and sorted for each answer.
package protocol LineLogHandler: LogHandler {
    /// Begins a line at `info`.
    ///
    /// - Returns: `nil` where the fields are shown in another way, and have to be logged as those of others.
    func begin(_ message: StaticString) -> LogLine?

    /// Ends and writes a line that ``begin(_:)`` has begun; it may wait for others.
    func write(_ line: consuming LogLine)
}

/// A line for each answer, complete or not.
struct AccessLog {
    /// What is told for a request whose client left before there was an answer.
    private static let clientLeft = 499

    private let logger: Logger
    private let metrics: ServeMetrics
    private let lines: (any LineLogHandler)?

    init(logger: Logger, metrics: ServeMetrics) {
        self.logger = logger
        self.metrics = metrics
        lines = logger.handler as? any LineLogHandler
    }

    /// Counts and logs an answer that has ended.
    func note(_ exchange: Exchange, of client: String) {
        if exchange.status == 0 { exchange.status = Self.clientLeft }
        let label = exchange.request.route?.label ?? .none
        metrics.count(label, status: exchange.status, bytes: exchange.sent)
        guard logger.logLevel <= .info else { return }
        if let lines, var line = lines.begin("answered") {
            Self.fields(of: exchange, client) { line.add($0, $1) }
            lines.write(line)
        } else {
            var metadata: Logger.Metadata = [:]
            Self.fields(of: exchange, client) { metadata[$0] = .string($1) }
            logger.info("answered", metadata: metadata)
        }
    }

    /// Tells why an answer that was sent from a file is shorter than it said.
    func note(brokenFileOf exchange: Exchange?) {
        let path = exchange?.request.head.target.prefix { $0 != "?" }.displaySafe ?? ""
        logger.warning(
            "an answer breaks off",
            metadata: ["error": "the cache's file cannot be read, or has become shorter", "path": "\(path)"]
        )
    }

    /// Tells whoever wants to know it exactly that a connection failed.
    func note(failure error: any Error) {
        logger.debug("a connection failed", metadata: ["error": "\("\(error)".displaySafe)"])
    }

    /// In the order of their keys.
    ///
    /// No query but `ns`, and no credentials: both can hold secrets.
    private static func fields(of exchange: Exchange, _ client: String, _ add: (String, String) -> Void) {
        let head = exchange.request.head
        add("agent", (head.fields.userAgent ?? "-").displaySafe(limit: 128))
        if exchange.isBroken { add("broken", "true") }
        add("bytes", String(exchange.sent))
        add("client", client)
        add("method", head.method.name)
        add("ms", String(((NIODeadline.now() - exchange.began).nanoseconds + 500_000) / 1_000_000))
        if let namespace = exchange.request.target?["ns"] { add("ns", namespace.displaySafe(limit: 128)) }
        // Its bytes are looked at: going through characters took a tenth of the time of a small answer.
        let target = head.target.utf8
        let end = target.firstIndex(of: UInt8(ascii: "?"))
        add("path", end.map { head.target[..<$0].displaySafe } ?? head.target.displaySafe)
        add("status", String(exchange.status))
    }
}
