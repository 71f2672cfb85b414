import NIOCore
import NIOHTTP1

/// Serves one connection of a ``ScriptedRegistry``: takes requests in, and hands answers to a ``Delivery``.
final class ConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private struct Exchange {
        let head: HTTPRequestHead
        let request: RecordedRequest
        let plan: ExchangePlan
        let refusal: Reply?
        let upload: String?
        let gathersBody: Bool
        let uploadStart: Int
        var body = ByteBuffer()
        var received = 0
        var isAnswered = false
        var hasBroken = false
    }

    private let registry: ScriptedRegistry
    private let connection: Int
    private var exchange: Exchange?
    private var delivery: Delivery?

    init(_ registry: ScriptedRegistry) {
        self.registry = registry
        connection = registry.newConnection()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): begin(context, head)
        case .body(let bytes): receive(context, bytes)
        case .end: finish(context)
        }
    }

    private func begin(_ context: ChannelHandlerContext, _ head: HTTPRequestHead) {
        var headers = HeaderList()
        for (name, value) in head.headers { headers.add(name, value) }
        let request = registry.record(
            method: head.method.rawValue,
            uri: head.uri,
            headers: headers,
            connection: connection
        )
        let (action, unauthorized) = registry.decide(request)
        let plan = ExchangePlan(action, for: request)
        let isOurs = plan.early == nil && plan.replacement == nil
        let refusal = isOurs ? unauthorized ?? registry.refusal(of: request) : nil
        let upload = isOurs && refusal == nil ? registry.upload(of: request) : nil
        exchange = Exchange(
            head: head,
            request: request,
            plan: plan,
            refusal: refusal,
            upload: upload,
            gathersBody: isOurs && refusal == nil && upload == nil,
            uploadStart: upload.map { registry.store.uploadedBytes($0) } ?? 0
        )
        if let early = plan.early {
            exchange?.isAnswered = true
            deliver(context, early, plan, request, head)
        } else if plan.resetUploadAfter == 0 {
            breakUpload(context)
        } else if headers["expect"]?.lowercased() == "100-continue" {
            context.writeAndFlush(wrapOutboundOut(.head(.init(version: head.version, status: .continue))), promise: nil)
        }
    }

    private func receive(_ context: ChannelHandlerContext, _ bytes: ByteBuffer) {
        guard let exchange, !exchange.hasBroken else { return }
        var bytes = bytes
        if let limit = exchange.plan.resetUploadAfter {
            bytes =
                bytes.getSlice(at: bytes.readerIndex, length: min(bytes.readableBytes, limit - exchange.received))
                ?? bytes
        }
        self.exchange?.received += bytes.readableBytes
        let received = exchange.received + bytes.readableBytes
        if let upload = exchange.upload {
            registry.store.append(bytes, to: upload)
            registry.amend(exchange.request) { $0.bodyByteCount = received }
        } else {
            if exchange.gathersBody { self.exchange?.body.writeImmutableBuffer(bytes) }
            registry.amend(exchange.request) { request in
                request.bodyByteCount = received
                let room = request.path.contains("/blobs/uploads") ? 0 : 4096 - request.bodyStart.readableBytes
                let start = bytes.getSlice(at: bytes.readerIndex, length: min(room, bytes.readableBytes))
                request.bodyStart.writeImmutableBuffer(start ?? ByteBuffer())
            }
        }
        if let limit = exchange.plan.resetUploadAfter, received >= limit { breakUpload(context) }
    }

    private func breakUpload(_ context: ChannelHandlerContext) {
        exchange?.hasBroken = true
        dropPartialUpload()
        Delivery.reset(context.channel)
    }

    private func dropPartialUpload() {
        guard let exchange, let upload = exchange.upload, !registry.options.keepsPartialUploads else { return }
        registry.store.truncate(upload, to: exchange.uploadStart)
    }

    private func finish(_ context: ChannelHandlerContext) {
        guard let exchange, !exchange.hasBroken else { return }
        self.exchange = nil
        registry.amend(exchange.request) { $0.isComplete = true }
        guard !exchange.isAnswered else { return }
        var request = exchange.request
        if exchange.plan.ignoresRange { request = request.without("range") }
        var reply =
            exchange.plan.replacement ?? exchange.refusal ?? registry.respond(to: request, body: exchange.body)
        if let form = exchange.plan.location, let path = reply.headers["location"] {
            reply.headers["Location"] = form.apply(to: path, url: registry.url)
        }
        for edit in exchange.plan.edits { edit(&reply) }
        deliver(context, reply, exchange.plan, exchange.request, exchange.head)
    }

    private func deliver(
        _ context: ChannelHandlerContext,
        _ reply: Reply,
        _ plan: ExchangePlan,
        _ request: RecordedRequest,
        _ head: HTTPRequestHead
    ) {
        let delivery = Delivery(context.channel, reply, plan, head) { [registry] change in
            registry.amend(request, change)
        }
        self.delivery = delivery
        delivery.start()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { delivery?.pump() }
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        delivery?.stop()
        if exchange?.hasBroken == false { dropPartialUpload() }
        exchange = nil
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
