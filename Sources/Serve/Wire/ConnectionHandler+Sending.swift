import Cache
import NIOCore
import NIOPosix

extension ConnectionHandler {
    /// Bodies up to this many bytes leave in one write with their heads.
    private static let smallBody: Int64 = 32 << 10
    /// Bytes that one connection sends before others of its event loop get their turn.
    private static let turn = 2 << 20

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard phase == .answering, exchange != nil else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        switch unwrapOutboundIn(data) {
        case .whole(let response):
            send(response)
            promise?.succeed()
        case .start(let response):
            writeHead(of: response, flush: false)
            watchProgress()
            promise?.succeed()
        case .piece(let bytes):
            exchange?.sent += Int64(bytes.readableBytes)
            context.writeAndFlush(wrapOutboundOut(bytes), promise: promise)
        case .end:
            promise?.succeed()
            finish()
        case .broken:
            promise?.succeed()
            context.close(promise: nil)
        }
    }

    /// Sends a whole answer.
    func send(_ response: Response) {
        guard let context, let request = exchange?.request.head else { return }
        guard request.method != .head, let body = response.body, response.status != 304 else {
            writeHead(of: response, flush: true)
            return finish()
        }
        switch body {
        case .bytes(let bytes):
            exchange?.sent = Int64(bytes.readableBytes)
            writeHead(of: response, flush: false, appending: bytes)
            context.flush()
            finish()
        case .file(let file, let range):
            let pump = FilePump(file: file, offset: range.lowerBound, end: range.upperBound)
            if pump.remaining <= Self.smallBody, sendSmall(response, pump) { return finish() }
            writeHead(of: response, flush: false)
            start(pump)
        case .unverified, .arriving:
            // Their bytes come from a task, which begins with their heads.
            context.close(promise: nil)
        }
    }

    private func writeHead(of response: Response, flush: Bool, appending body: ByteBuffer? = nil) {
        guard let context, let exchange else { return }
        self.exchange?.status = response.status
        let isSmall = (body?.readableBytes ?? 0) <= Self.smallBody
        var buffer = context.channel.allocator.buffer(capacity: 512 + (isSmall ? body?.readableBytes ?? 0 : 0))
        encoder.write(response, isLast: exchange.isLast, into: &buffer)
        if let body, isSmall { buffer.writeImmutableBuffer(body) }
        context.write(wrapOutboundOut(buffer), promise: nil)
        if let body, !isSmall { context.write(wrapOutboundOut(body), promise: nil) }
        if flush { context.flush() }
    }

    /// - Returns: whether the whole body was in memory and has been sent with its head.
    private func sendSmall(_ response: Response, _ pump: FilePump) -> Bool {
        guard let context, let exchange else { return false }
        let count = Int(pump.remaining)
        var buffer = resources.takeBuffer(512 + count)
        defer { resources.giveBack(buffer) }
        encoder.write(response, isLast: exchange.isLast, into: &buffer)
        guard pump.file.readResident(at: pump.offset, atMost: count, into: &buffer) == count else { return false }
        self.exchange?.status = response.status
        self.exchange?.sent = Int64(count)
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
        return true
    }

    private func start(_ pump: FilePump) {
        self.pump = pump
        state.streamBegan()
        watchProgress()
        pumpFile()
    }

    /// Sends pieces of the file until the client has enough for now.
    func pumpFile() {
        guard let context, var pump, !pump.isReading, !isPumping else { return }
        isPumping = true
        defer { isPumping = false }
        var sent = 0
        while pump.remaining > 0, context.channel.isWritable {
            guard sent < Self.turn else {
                context.eventLoop.assumeIsolated().execute { self.pumpFile() }
                break
            }
            let wish = Int(min(Int64(state.pieceSize), pump.remaining))
            var buffer = resources.takeBuffer(wish)
            let count = pump.file.readResident(at: pump.offset, atMost: wish, into: &buffer)
            guard count > 0 else {
                resources.giveBack(buffer)
                return readElsewhere(pump, wish)
            }
            pump.offset += Int64(count)
            sent += count
            context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
            resources.giveBack(buffer)
        }
        exchange?.sent += Int64(sent)
        self.pump = pump
        // The next answer may begin now.
        isPumping = false
        if pump.remaining == 0 { endPump() }
    }

    /// Has another thread wait for the disk.
    private func readElsewhere(_ pump: FilePump, _ count: Int) {
        guard let context else { return }
        var pump = pump
        exchange?.sent += pump.offset - (self.pump?.offset ?? pump.offset)
        pump.isReading = true
        self.pump = pump
        let file = pump.file
        let offset = pump.offset
        NIOThreadPool.singleton.runIfActive(eventLoop: context.eventLoop) {
            try file.read(at: offset, atMost: count)
        }.assumeIsolated().whenComplete { result in
            guard self.pump != nil, let context = self.context else { return }
            // A file that ends too early was changed by somebody else.
            guard case .success(let bytes) = result, bytes.readableBytes > 0 else { return context.close(promise: nil) }
            self.pump?.isReading = false
            self.pump?.offset += Int64(bytes.readableBytes)
            self.exchange?.sent += Int64(bytes.readableBytes)
            context.writeAndFlush(self.wrapOutboundOut(bytes), promise: nil)
            if self.pump?.remaining == 0 { self.endPump() } else { self.pumpFile() }
        }
    }

    private func endPump() {
        pump = nil
        state.streamEnded()
        finish()
    }
}
