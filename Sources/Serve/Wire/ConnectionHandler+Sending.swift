import Cache
import NIOCore
import NIOPosix

extension ConnectionHandler {
    /// Bodies up to this many bytes leave in one write with their heads.
    private static let smallBody: Int64 = 32 << 10
    /// Bytes that one connection sends before others of its event loop get their turn.
    private static let turn = 1 << 20

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
            countSent(bytes.readableBytes)
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
            var pump = FilePump(file: file, offset: range.lowerBound, end: range.upperBound)
            if pump.remaining <= Self.smallBody {
                if sendSmall(response, pump) { return finish() }
            } else if isPlain {
                pump.handle = try? file.makeFileHandle()
            }
            writeHead(of: response, flush: false)
            start(pump)
        case .unverified, .arriving:
            // Their bytes come from a task, which begins with their heads.
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

    /// - Returns: whether the whole body was in memory and has been sent with its head.
    private func sendSmall(_ response: Response, _ pump: FilePump) -> Bool {
        guard let context, let exchange else { return false }
        let count = Int(pump.remaining)
        var buffer = resources.takeBuffer(512 + count)
        defer { resources.giveBack(buffer) }
        encoder.write(response, exchange, into: &buffer)
        guard pump.file.readResident(at: pump.offset, atMost: count, into: &buffer) == count else { return false }
        exchange.status = response.status
        exchange.sent = Int64(count)
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
        // A write can tell synchronously that there is room again; the loop below sees that itself.
        guard let context, pump?.isReading == false, !isPumping else { return }
        isPumping = true
        defer { isPumping = false }
        var turn = Self.turn
        while let pump = self.pump, pump.remaining > 0, context.channel.isWritable {
            guard turn > 0 else {
                context.eventLoop.assumeIsolated().execute { self.pumpFile() }
                return
            }
            let count = pump.handle.map { sendRegion(pump, $0, context) } ?? copyPiece(pump, context)
            guard count > 0 else { return readElsewhere(pump, context) }
            turn -= count
            advancePump(by: count)
        }
        // The next answer may begin within.
        isPumping = false
        if pump?.remaining == 0 { endPump() }
    }

    private func advancePump(by count: Int) {
        pump?.offset += Int64(count)
        countSent(count)
    }

    private func countSent(_ count: Int) {
        exchange?.sent += Int64(count)
        guard !isTrusted, let exchange, exchange.sent >= SendQueue.trust else { return }
        isTrusted = true
        context?.channel.setOption(.tcpOption(SendQueue.limit), value: SendQueue.whenTrusted).whenFailure { _ in }
    }

    /// Has the system send a piece.
    ///
    /// - Returns: its bytes; 0 when the disk would have to be waited for.
    private func sendRegion(_ pump: FilePump, _ handle: NIOFileHandle, _ context: ChannelHandlerContext) -> Int {
        let end = min(pump.end, pump.offset + Int64(Self.turn))
        guard pump.file.isResident(pump.offset..<end) else { return 0 }
        let region = FileRegion(fileHandle: handle, readerIndex: Int(pump.offset), endIndex: Int(end))
        guard end == pump.end else {
            context.writeAndFlush(NIOAny(region), promise: nil)
            return region.readableBytes
        }
        self.pump?.handle = nil
        let sent = context.eventLoop.makePromise(of: Void.self)
        sent.futureResult.whenComplete { _ in try? handle.close() }
        context.writeAndFlush(NIOAny(region), promise: sent)
        return region.readableBytes
    }

    /// Reads a piece and sends it.
    ///
    /// - Returns: its bytes; 0 when the disk would have to be waited for.
    private func copyPiece(_ pump: FilePump, _ context: ChannelHandlerContext) -> Int {
        let wish = Int(min(Int64(state.pieceSize), pump.remaining))
        var buffer = resources.takeBuffer(wish)
        defer { resources.giveBack(buffer) }
        let count = pump.file.readResident(at: pump.offset, atMost: wish, into: &buffer)
        if count > 0 { context.writeAndFlush(wrapOutboundOut(buffer), promise: nil) }
        return count
    }

    /// Has another thread wait for the disk.
    private func readElsewhere(_ pump: FilePump, _ context: ChannelHandlerContext) {
        self.pump?.isReading = true
        let file = pump.file
        let offset = pump.offset
        let count = Int(min(Int64(state.pieceSize), pump.remaining))
        NIOThreadPool.singleton.runIfActive(eventLoop: context.eventLoop) {
            try file.read(at: offset, atMost: count)
        }.assumeIsolated().whenComplete { result in
            guard self.pump != nil, let context = self.context else { return }
            // A file that ends too early was changed by somebody else.
            guard case .success(let bytes) = result, bytes.readableBytes > 0 else { return context.close(promise: nil) }
            self.pump?.isReading = false
            self.advancePump(by: bytes.readableBytes)
            context.writeAndFlush(self.wrapOutboundOut(bytes), promise: nil)
            if self.pump?.remaining == 0 { self.endPump() } else { self.pumpFile() }
        }
    }

    private func endPump() {
        pump?.close()
        pump = nil
        state.streamEnded()
        finish()
    }
}
