import Cache
import NIOCore

extension ConnectionHandler {
    /// Bodies up to this many bytes leave in one write with their heads.
    private static let smallBody: Int64 = 32 << 10

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard phase == .answering, exchange != nil else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        switch unwrapOutboundIn(data) {
        case .whole(let response): send(response)
        case .supplied(let response, let wishes):
            writeHead(of: response, flush: false)
            guard case .arriving(let blob, let range)? = response.body else { return }
            begin(.supply(wishes, blob as? UnverifiedBlob), range)
        case .piece(let bytes): sender?.take(bytes)
        case .broken: context.close(promise: nil)
        }
        promise?.succeed()
    }

    /// Sends a whole answer.
    func send(_ response: Response) {
        guard let context, let exchange else { return }
        guard exchange.request.head.method != .head, let body = response.body, response.status != 304 else {
            writeHead(of: response, flush: true)
            return finish()
        }
        switch body {
        case .bytes(let bytes):
            exchange.sent = Int64(bytes.readableBytes)
            writeHead(of: response, flush: false, appending: bytes)
            context.flush()
            finish()
        case .file(let file, let range):
            if sendSmall(response, file, range) { return finish() }
            writeHead(of: response, flush: false)
            begin(.file(LentFile(file, isPlain: isPlain)), range)
        case .arriving:
            // Its bytes come from a task, which says so.
            context.close(promise: nil)
        }
    }

    private func writeHead(of response: Response, flush: Bool, appending body: ByteBuffer? = nil) {
        guard let context, let exchange else { return }
        exchange.status = response.status
        let isSmall = (body?.readableBytes ?? 0) <= Self.smallBody
        var buffer = context.channel.allocator.buffer(capacity: 512 + (isSmall ? body?.readableBytes ?? 0 : 0))
        encoder.write(response, exchange, into: &buffer)
        if let body, isSmall { buffer.writeImmutableBuffer(body) }
        context.write(wrapOutboundOut(buffer), promise: nil)
        if let body, !isSmall { context.write(wrapOutboundOut(body), promise: nil) }
        if flush { context.flush() }
    }

    /// - Returns: whether the whole body was small, in memory, and has been sent with its head.
    private func sendSmall(_ response: Response, _ file: BlobFile, _ range: Range<Int64>) -> Bool {
        guard range.count <= Self.smallBody, let context, let exchange else { return false }
        var buffer = resources.takeBuffer(512 + range.count)
        defer { resources.giveBack(buffer) }
        encoder.write(response, exchange, into: &buffer)
        guard file.readResident(at: range.lowerBound, atMost: range.count, into: &buffer) == range.count else {
            return false
        }
        exchange.status = response.status
        exchange.sent = Int64(range.count)
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
        return true
    }

    private func begin(_ source: BlobSender.Source, _ range: Range<Int64>) {
        guard let context else { return }
        let sender = BlobSender(source, range, context, resources, state) { [weak self] in self?.hear($0) }
        self.sender = sender
        watchProgress()
        sender.pump()
    }

    private func hear(_ event: BlobSender.Event) {
        switch event {
        case .sent(let count): countSent(count)
        case .complete:
            sender = nil
            finish()
        case .broken: context?.close(promise: nil)
        }
    }

    private func countSent(_ count: Int) {
        exchange?.sent += Int64(count)
        guard !isTrusted, let exchange, exchange.sent >= SendQueue.trust else { return }
        isTrusted = true
        context?.channel.setOption(.tcpOption(SendQueue.limit), value: SendQueue.whenTrusted).whenFailure { _ in }
    }
}
