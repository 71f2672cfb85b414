import NIOCore

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

    /// Counts and logs an answer, complete or not.
    func finishExchange() {
        guard let exchange else { return }
        self.exchange = nil
        log.note(exchange, of: client)
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

    /// Closes the connection: at once where the client has all of its answers, else behind them.
    func closeOnceTaken() {
        if waitingBytes == 0 { context?.close(promise: nil) } else { closeAfterLast() }
    }

    /// What the client has not taken and the system has not either, in bytes.
    private var waitingBytes: Int {
        (try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
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
        case .head:
            guard phase == .reading else { return }
            // Whoever has sent nothing hears nothing.
            guard inbox.isInHead else { return closeOnceTaken() }
            refuse(RefusedRequest(status: 408, message: "the request's head took too long"))
        case .linger: context.close(promise: nil)
        case .idle, .progress:
            let waiting = waitingBytes
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
