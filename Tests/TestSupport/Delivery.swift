import Glibc
import NIOCore
import NIOHTTP1

/// Sends one answer, with the faults that were planned for it.
///
/// Lives on its channel's event loop.
final class Delivery {
    private static let chunk = 128 * 1024

    private let channel: any Channel
    private let reply: Reply
    private let plan: ExchangePlan
    private let requestHead: HTTPRequestHead
    private let report: ((inout RecordedRequest) -> Void) -> Void
    private let source: ByteSource
    private var offset = 0
    private var isPumping = false
    private var isWaiting = false
    private var isDone = false
    private var hasHead = false

    init(
        _ channel: any Channel,
        _ reply: Reply,
        _ plan: ExchangePlan,
        _ requestHead: HTTPRequestHead,
        report: @escaping ((inout RecordedRequest) -> Void) -> Void
    ) {
        self.channel = channel
        self.reply = reply
        self.plan = plan
        self.requestHead = requestHead
        self.report = report
        let isEmpty = requestHead.method == .HEAD || [204, 304].contains(reply.status)
        source = isEmpty ? ByteSource(ByteBuffer()) : reply.body.extended(by: plan.extraBytes)
    }

    func start() {
        guard let gate = plan.gate else { return sendHead() }
        let loopBound = NIOLoopBound(self, eventLoop: channel.eventLoop)
        gate.pass { loopBound.execute { $0.sendHead() } }
    }

    func stop() { isDone = true }

    private func sendHead() {
        guard !isDone else { return }
        if let hangsUp = plan.hangsUp {
            isDone = true
            return end(hangsUp)
        }
        var head = HTTPResponseHead(
            version: requestHead.version,
            status: HTTPResponseStatus(statusCode: reply.status),
            headers: HTTPHeaders(reply.headers.fields.map { ($0.name, $0.value) })
        )
        if let length = plan.announcedLength {
            head.headers.replaceOrAdd(name: "Content-Length", value: "\(length)")
        } else if reply.status != 204, !head.headers.contains(name: "Content-Length"),
            !head.headers.contains(name: "Transfer-Encoding")
        {
            head.headers.add(name: "Content-Length", value: "\(reply.body.count)")
        }
        if !requestHead.isKeepAlive { head.headers.replaceOrAdd(name: "Connection", value: "close") }
        // Recorded first: a client that has seen something finds it in the record.
        report { $0.status = self.reply.status }
        channel.writeAndFlush(HTTPServerResponsePart.head(head), promise: nil)
        hasHead = true
        pump()
    }

    /// Sends as much of the body as the socket and the valve take now.
    func pump() {
        guard hasHead, !isDone, !isPumping, !isWaiting else { return }
        isPumping = true
        defer { isPumping = false }
        let limit = self.limit
        while offset < limit {
            guard channel.isWritable else { return }
            let allowance = plan.valve?.allowance ?? .max
            guard allowance > offset else { return waitForValve() }
            let bytes = source.read(at: offset, count: min(Self.chunk, limit - offset, allowance - offset))
            let end = offset + bytes.readableBytes
            let sent = corrupted(bytes)
            offset = end
            report { $0.bytesSent = end }
            channel.writeAndFlush(HTTPServerResponsePart.body(.byteBuffer(sent)), promise: nil)
        }
        isDone = true
        end(plan.ending)
    }

    private var limit: Int {
        switch plan.ending {
        case .whole: source.count
        case .reset(let count), .close(let count): min(count, source.count)
        }
    }

    private func corrupted(_ bytes: ByteBuffer) -> ByteBuffer {
        guard let place = plan.corruptByte, (offset..<(offset + bytes.readableBytes)).contains(place) else {
            return bytes
        }
        var copy = bytes
        let index = copy.readerIndex + place - offset
        copy.setInteger(~(copy.getInteger(at: index, as: UInt8.self) ?? 0), at: index)
        return copy
    }

    private func waitForValve() {
        isWaiting = true
        let loopBound = NIOLoopBound(self, eventLoop: channel.eventLoop)
        plan.valve?.wait(beyond: offset) {
            loopBound.execute {
                $0.isWaiting = false
                $0.pump()
            }
        }
    }

    private func end(_ ending: ExchangePlan.Ending) {
        switch ending {
        case .reset: Self.reset(channel)
        case .close: channel.close(promise: nil)
        case .whole:
            report { $0.isAnswered = true }
            let closes = plan.closes || plan.announcedLength != nil || plan.extraBytes > 0 || !requestHead.isKeepAlive
            let sent = channel.eventLoop.makePromise(of: Void.self)
            if closes {
                let channel = self.channel
                sent.futureResult.whenComplete { _ in channel.close(promise: nil) }
            }
            channel.writeAndFlush(HTTPServerResponsePart.end(nil), promise: sent)
        }
    }

    /// Closes a connection with RST instead of FIN.
    static func reset(_ channel: any Channel) {
        guard let socket = channel as? any SocketOptionProvider else { return channel.close(promise: nil) }
        socket.setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenComplete { _ in channel.close(promise: nil) }
    }
}

extension NIOLoopBound {
    fileprivate func execute(_ body: @escaping @Sendable (Value) -> Void) {
        eventLoop.execute { body(self.value) }
    }
}
