import Logging
import NIOCore
import OCI

/// Whether a client takes what is sent to it.
struct ProgressWatch {
    /// How often within the deadline is looked.
    static let looks = 4

    private var waiting = 0
    private var standstills = 0

    mutating func reset() {
        self = ProgressWatch()
    }

    /// Takes note of the bytes that wait for the client, and of how many were sent to it until now.
    ///
    /// - Returns: whether it took none for all of the deadline.
    mutating func hasStopped(waiting: Int, sent: Int64) -> Bool {
        let mark = waiting &+ Int(truncatingIfNeeded: sent) << 1
        standstills = waiting > 0 && mark == self.waiting ? standstills + 1 : 0
        self.waiting = mark
        return standstills >= Self.looks
    }
}

extension ConnectionHandler {
    /// Ends an answer: the next request follows, or the connection ends.
    func finish() {
        guard let exchange else { return }
        exchange.departure?.finish()
        finishExchange()
        if exchange.isLast {
            closeAfterLast()
        } else {
            phase = .reading
            advance()
        }
    }

    /// What is counted and logged for a request whose client left before there was an answer.
    private static let clientLeft = 499

    /// Counts and logs an answer, complete or not.
    func finishExchange() {
        guard let exchange else { return }
        self.exchange = nil
        if exchange.status == 0 { exchange.status = Self.clientLeft }
        let label = exchange.request.route?.label ?? "none"
        state.metrics.count(label, status: exchange.status, bytes: exchange.sent)
        guard logger.logLevel <= .info else { return }
        logger.info("answered", metadata: line(of: exchange))
    }

    /// No query but `ns`, and no credentials: both can hold secrets.
    private func line(of exchange: Exchange) -> Logger.Metadata {
        let head = exchange.request.head
        let path = head.target.prefix { $0 != "?" }
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

    /// The client hears the end of the answer before the connection is closed, also when it is still sending.
    func closeAfterLast() {
        guard let context else { return }
        phase = .closing
        watchProgress()
        resumeReading()
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { result in
            guard case .success = result, let context = self.context else { return }
            if self.hasInputEnded { return context.close(promise: nil) }
            self.setDeadline(.linger, ConnectionLimits.linger)
            context.close(mode: .output, promise: nil)
        }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: promise)
    }

    func watchProgress() {
        progress.reset()
        setDeadline(.progress, state.limits.progress / ProgressWatch.looks)
    }

    func setDeadline(_ kind: Deadline.Kind, _ duration: Duration) {
        guard let loop = context?.eventLoop else { return }
        deadline.set(kind, TimeAmount(duration), on: loop) { self.deadlineFired() }
    }

    private func deadlineFired() {
        guard let context, let kind = deadline.fired(on: context.eventLoop, fire: { self.deadlineFired() }) else {
            return
        }
        switch kind {
        case .head where phase == .reading: headTookTooLong()
        case .head: break
        case .linger: context.close(promise: nil)
        case .idle, .progress:
            let waiting = (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
            // Its last answer may still be on its way to a slow client.
            let isIdle = kind == .idle && waiting == 0
            if isIdle || progress.hasStopped(waiting: waiting, sent: exchange?.sent ?? 0) {
                context.close(promise: nil)
            } else {
                setDeadline(kind, state.limits.progress / ProgressWatch.looks)
            }
        }
    }
}
