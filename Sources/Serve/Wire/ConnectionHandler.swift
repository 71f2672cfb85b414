import NIOCore
import NIOSSL
import OCI

/// One client's connection: reads requests one after the other, and sends their answers.
///
/// The state machine of HTTP/1.1 on the server's side (RFC 9112). Answers that need no waiting never leave the event
/// loop; others come from a task as ``ResponsePart``s.
final class ConnectionHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ResponsePart
    typealias OutboundOut = ByteBuffer

    enum Phase {
        /// Waiting for a request, or in the middle of its head.
        case reading
        case answering
        /// The last answer is on its way, or has been sent.
        case closing
    }

    let state: ServerState
    let responder: Responder
    let resources: LoopResources
    /// Nothing stands between this handler and the socket, so that the system can send files itself.
    let isPlain: Bool
    let log: AccessLog
    var phase = Phase.reading
    var exchange: Exchange?
    var sender: BlobSender?
    var deadline = Deadline()
    var writer: AnswerWriter
    var sendQueue = SendQueue()
    var progress = ProgressWatch()
    var context: ChannelHandlerContext?
    private(set) var client = "-"
    private(set) var inbox = Inbox()
    private var requests = 0
    private var isDraining = false
    private var isAdvancing = false
    private var hasDeferredRead = false
    /// The client sends nothing more; it may still read.
    private(set) var hasInputEnded = false

    init(
        _ state: ServerState,
        _ responder: Responder,
        _ resources: LoopResources,
        isPlain: Bool,
        log: AccessLog
    ) {
        self.isPlain = isPlain
        self.state = state
        self.responder = responder
        self.resources = resources
        self.log = log
        writer = AnswerWriter(resources)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        client = context.remoteAddress?.ipAddress ?? "-"
        isDraining = state.isDraining
        setDeadline(.head, state.limits.head)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        deadline.cancel()
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard phase != .closing else { return }
        inbox.take(unwrapInboundIn(data))
        advance()
    }

    func channelInactive(context: ChannelHandlerContext) {
        deadline.cancel()
        // Nobody waits for the answer any longer.
        sender?.abandon()
        sender = nil
        exchange?.departure?.finish()
        if exchange != nil { finishExchange() }
        phase = .closing
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A client that ends its side without TLS's own farewell has ended it all the same, and is told of next.
        if case NIOSSLError.uncleanShutdown = error, context.channel.isActive { return }
        log.note(failure: error)
        context.close(promise: nil)
    }

    /// A client that sends ahead of its turn has to wait.
    func read(context: ChannelHandlerContext) {
        if phase != .closing, inbox.isFull {
            hasDeferredRead = true
        } else {
            context.read()
        }
    }

    /// Reads on where a client had to wait.
    func resumeReading() {
        guard hasDeferredRead, phase == .closing || !inbox.isFull else { return }
        hasDeferredRead = false
        context?.read()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            sender?.pump()
            advance()
        }
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { return inputEnded() }
        guard event is DrainEvent else { return context.fireUserInboundEventTriggered(event) }
        isDraining = true
        switch phase {
        case .reading: closeOnceTaken()
        case .answering: exchange?.isLast = true
        case .closing: break
        }
    }

    /// Takes requests from what has arrived, as long as their answers go out.
    func advance() {
        guard !isAdvancing, let context else { return }
        isAdvancing = true
        defer { isAdvancing = false }
        while phase == .reading, context.channel.isWritable {
            do throws(RefusedRequest) {
                guard let head = try inbox.next() else { break }
                begin(Request(head))
            } catch {
                refuse(error)
            }
        }
        if phase == .reading { awaitRequest() }
    }

    private func awaitRequest() {
        // What it had asked for has been answered.
        if hasInputEnded, context?.channel.isWritable == true { return closeAfterLast() }
        if inbox.isInRequest {
            if deadline.kind != .head { setDeadline(.head, state.limits.head) }
        } else {
            if requests > 0, deadline.kind != .idle { setDeadline(.idle, state.limits.idle) }
            inbox.release()
        }
        resumeReading()
    }

    private func begin(_ request: Request) {
        requests += 1
        var isLast = !request.head.allowsAnother || requests >= state.limits.requests || isDraining
        switch request.head.body {
        case .none: break
        case .bytes(let count) where count <= ConnectionLimits.maximumBody && request.head.fields.expect == nil:
            inbox.skip(count)
        case .bytes, .chunked: isLast = true
        }
        phase = .answering
        deadline.clear()
        exchange = Exchange(request, isLast: isLast)
        switch responder.begin(request) {
        case .answer(let response): send(response)
        case .wait(let isAdmitted):
            // A task of the server answers it.
            guard let channel = context?.channel else { return }
            exchange?.departure = state.ask(request, isAdmitted: isAdmitted, responder, channel)
        }
    }

    func refuse(_ refused: RefusedRequest) {
        phase = .answering
        let head = RequestHead(method: .other("-"), target: "-", isHTTP10: false)
        exchange = Exchange(Request(head), isLast: true)
        send(Response(refused))
    }

    /// A client that ends its side after its request is answered; one that left cannot be told from it at once.
    private func inputEnded() {
        hasInputEnded = true
        switch phase {
        case .reading: advance()
        // What is left of the last answer is still sent.
        case .closing where deadline.kind == .linger: context?.close(promise: nil)
        case .closing: break
        case .answering:
            guard let exchange, exchange.status == 0, let loop = context?.eventLoop else { return }
            loop.assumeIsolated().scheduleTask(in: ConnectionLimits.halfClosed) {
                if self.exchange === exchange, exchange.status == 0 { self.context?.close(promise: nil) }
            }
        }
    }
}
