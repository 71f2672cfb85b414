import NIOCore

extension ConnectionHandler {
    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard phase == .answering, exchange != nil else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        switch unwrapOutboundIn(data) {
        case .whole(let response): send(response)
        case .supplied(let response, let wishes):
            guard let exchange, case .arriving(let blob, let range)? = response.body else { return }
            writer.write(response, exchange, to: context)
            // The first bytes of one that comes from elsewhere may take their time.
            if !(blob is UnverifiedBlob) { context.flush() }
            begin(.supply(wishes, blob as? UnverifiedBlob), range)
        case .piece(let bytes): sender?.take(bytes)
        case .broken:
            exchange?.isBroken = true
            context.close(promise: nil)
        }
        promise?.succeed()
    }

    /// Sends a whole answer.
    func send(_ response: Response) {
        guard let context, let exchange else { return }
        guard exchange.request.head.method != .head, let body = response.body, response.status != 304 else {
            writer.write(response, exchange, to: context)
            context.flush()
            return finish()
        }
        switch body {
        case .bytes(let bytes):
            if writer.sendSmall(response, bytes, exchange, to: context) { return finish() }
            writer.write(response, exchange, to: context)
            begin(.memory(bytes), body.range)
        case .file(let file, let range):
            if writer.sendSmall(response, file, range, exchange, to: context) { return finish() }
            writer.write(response, exchange, to: context)
            begin(.file(LentFile(file, isPlain: isPlain)), range)
        case .arriving:
            // Its bytes come from a task, which says so.
            context.close(promise: nil)
        }
    }

    private func begin(_ source: BlobSender.Source, _ range: Range<Int64>) {
        guard let context else { return }
        let sender = BlobSender(source, range, context, resources, state) { [weak self] event in
            guard let self else { return }
            switch event {
            case .sent(let count):
                exchange?.sent += Int64(count)
                sendQueue.trust(context.channel, after: exchange?.sent ?? 0)
            case .complete:
                self.sender = nil
                finish()
            case .broken:
                log.note(brokenFileOf: exchange)
                exchange?.isBroken = true
                context.close(promise: nil)
            }
        }
        self.sender = sender
        watchProgress()
        sender.pump()
    }
}
