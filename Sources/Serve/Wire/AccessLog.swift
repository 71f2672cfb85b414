import Logging
import OCI

/// A line for each answer, complete or not.
struct AccessLog {
    /// What is told for a request whose client left before there was an answer.
    private static let clientLeft = 499

    let logger: Logger
    let metrics: ServeMetrics

    /// Counts and logs an answer that has ended.
    func note(_ exchange: Exchange, of client: String) {
        if exchange.status == 0 { exchange.status = Self.clientLeft }
        let label = exchange.request.route?.label ?? .none
        metrics.count(label, status: exchange.status, bytes: exchange.sent)
        guard logger.logLevel <= .info else { return }
        logger.info("answered", metadata: line(of: exchange, client))
    }

    /// No query but `ns`, and no credentials: both can hold secrets.
    private func line(of exchange: Exchange, _ client: String) -> Logger.Metadata {
        let head = exchange.request.head
        // Its bytes are looked at: going through characters took a tenth of the time of a small answer.
        let target = head.target.utf8
        let path = head.target[..<(target.firstIndex(of: UInt8(ascii: "?")) ?? target.endIndex)]
        let milliseconds = (ContinuousClock.now - exchange.began) / .milliseconds(1)
        var line: Logger.Metadata = [
            "client": .string(client),
            "method": .string(head.method.name),
            "path": .string(path.displaySafe),
            "status": "\(exchange.status)",
            "bytes": "\(exchange.sent)",
            "ms": "\(Int(milliseconds.rounded()))",
            "agent": .string((head.fields.userAgent ?? "-").displaySafe(limit: 128)),
        ]
        if let namespace = exchange.request.target?["ns"] { line["ns"] = .string(namespace.displaySafe(limit: 128)) }
        return line
    }
}
