import AsyncHTTPClient
import Concurrency
import Logging
import NIOCore
import NIOHTTP1
import OCI
import Synchronization

typealias HTTPBody = HTTPClientResponse.Body

/// Sends single requests and measures their time: no retries, no redirects, no authorization.
///
/// A short answer comes whole within the time of one operation. Long ones, lists and documents as well as blobs, have
/// that time for their head, and then go on as long as they move.
final class HTTPTransport: HTTPHandler {
    /// What is read of the body of an answer that reports an error, in bytes.
    static let errorBodyLimit = 64 << 10

    let timer: Timer
    /// What is tidied up at registries for tasks that were cancelled.
    let afterwards = DetachedWork()
    let timeout: Duration
    let traffic = Traffic()
    let pauses: HostPauses
    private let clients: HTTPClients
    /// Whether the clients are somebody else's, who closes them.
    private let isSharing: Bool
    private let trust: TrustStore
    private let proxies: ProxySettings
    private let userAgent: String
    private let via: String?
    private let logger: Logger

    init(_ configuration: RegistryConfiguration, timer: Timer) throws {
        self.timer = timer
        timeout = configuration.retry.timeout
        pauses = HostPauses(Timer(configuration.clock))
        proxies = configuration.proxies
        userAgent = configuration.userAgent
        via = configuration.via
        logger = configuration.logger
        isSharing = configuration.connections != nil
        trust = try configuration.connections?.trust ?? TrustStore(configuration.hosts, configuration.authorities)
        clients = configuration.connections?.clients ?? HTTPClients(configuration)
    }

    func shutdown() async {
        if !isSharing { await clients.shutdown(logger: logger) }
    }

    func send(_ request: HTTPRequest) async throws -> HTTPResponse {
        try await request.context.mapping {
            try await mapping(request) {
                guard case .blob(let reader, let range) = request.body else { return try await outliving(request) }
                return try await upload(request, BlobFeed(reader: reader, range: range))
            }
        }
    }

    /// Sends a request that goes on when the task is cancelled, where its answer matters then too.
    private func outliving(_ request: HTTPRequest) async throws -> HTTPResponse {
        guard let whenLate = request.whenLate else { return try await exchange(request) }
        let (answers, continuation) = AsyncThrowingStream.makeStream(of: HTTPResponse.self)
        let isBegun = afterwards.begin { [self] in
            do {
                let response = try await exchange(request)
                if case .terminated = continuation.yield(response) {
                    var late = response
                    late.home = request.home
                    await whenLate(late)
                }
                continuation.finish()
            } catch {
                continuation.finish(throwing: error)
            }
        }
        guard isBegun else { return try await exchange(request) }
        for try await answer in answers { return answer }
        throw CancellationError()
    }

    private func exchange(_ request: HTTPRequest) async throws -> HTTPResponse {
        guard request.isStreamed || request.limit > Self.errorBodyLimit else {
            let hasBegun = Atomic(false)
            return try await ending("the answer does not end in time", where: hasBegun) {
                try await timer.limit(timeout) { [self] in
                    let response = try await execute(request, body: nil)
                    hasBegun.store(true, ordering: .relaxed)
                    return try await collect(response, request, limit: request.limit)
                }
            }
        }
        let response = try await timer.limit(timeout) { [self] in try await execute(request, body: nil) }
        let head = request.answer(response, .stream(response.body))
        guard (200..<300).contains(head.status) else {
            return try await ending("the answer does not end in time") {
                try await timer.limit(timeout) { [self] in
                    try await collect(response, request, limit: Self.errorBodyLimit)
                }
            }
        }
        guard !request.isStreamed else { return head }
        let progress = UploadProgress(timer: timer, limit: timeout, size: 0)
        progress.sends()
        return try await ending("the transfer stood still") {
            try await progress.watching { [self] in
                try await collect(response, request, limit: request.limit, progress)
            }
        }
    }

    /// Says what was waited for where an answer has begun.
    private func ending<Result>(
        _ detail: String,
        where hasBegun: borrowing Atomic<Bool> = Atomic(true),
        _ body: () async throws -> Result
    ) async throws -> Result {
        do {
            return try await body()
        } catch let error as Timer.Expired where hasBegun.load(ordering: .relaxed) {
            throw WireFailure(kind: .timeout, detail: detail, cause: error)
        }
    }

    /// Takes in the body of an answer; what is beyond the limit is thrown away with the connection.
    private func collect(
        _ response: HTTPClientResponse,
        _ request: HTTPRequest,
        limit: Int,
        _ progress: UploadProgress? = nil
    ) async throws -> HTTPResponse {
        var body = ByteBuffer()
        var isCut = false
        var pace = TransferPace(timer: timer)
        // An answer to HEAD too is heard to its end: the client closes the connection of one that is not.
        var iterator = response.body.makeAsyncIterator()
        while !isCut {
            pace.starts()
            guard var piece = try await iterator.next(isolation: #isolation) else { break }
            guard pace.isAcceptable(after: piece.readableBytes) else {
                throw WireFailure(kind: .timeout, detail: TransferPace.tooSlow)
            }
            progress?.sends()
            traffic.countReceived(piece.readableBytes)
            isCut = body.readableBytes + piece.readableBytes > limit
            guard var part = isCut ? piece.readSlice(length: limit - body.readableBytes) : piece else { break }
            body.writeBuffer(&part)
        }
        if !isCut, ["gzip", "x-gzip"].contains(response.headers.first(name: "Content-Encoding")?.lowercased()),
            let decoded = ContentDecoding.gunzipped(body, limit: limit)
        {
            (body, isCut) = decoded
        }
        return request.answer(response, .whole(body, isCut: isCut))
    }

    /// Gives the errors of the layers below their meaning.
    private func mapping<Result>(_ request: HTTPRequest, _ body: () async throws -> Result) async throws -> Result {
        do {
            return try await body()
        } catch {
            if Task.isCancelled { throw CancellationError() }
            guard var failure = WireFailure(error) else { throw error }
            if failure.isBeforeAnswer { request.context.budget.avoidKeptConnections() }
            if request.isElsewhere { failure.other = request.url.origin.authority }
            failure.isLed = request.home.map { $0.origin != request.url.origin } ?? false
            guard let proxy = proxies.proxy(for: request.url.origin) else { throw failure }
            if failure.isConnecting { failure.proxy = "\(proxy)" }
            throw await failure.explained(by: proxy, for: request.url.origin, timer)
        }
    }

    /// A request as it is sent; a body that is at hand counts as sent.
    private func outgoing(_ request: HTTPRequest, body: HTTPClientRequest.Body?) -> HTTPClientRequest {
        let url = request.url
        var outgoing = HTTPClientRequest(url: url.text)
        outgoing.method = request.method
        outgoing.headers = request.headers
        outgoing.headers.replaceOrAdd(name: "User-Agent", value: userAgent)
        if let via { outgoing.headers.replaceOrAdd(name: "Via", value: "1.1 \(via)") }
        outgoing.headers.replaceOrAdd(name: "Accept-Encoding", value: "identity")
        outgoing.tlsConfiguration = trust.configuration(for: url.origin)
        if case .bytes(let bytes) = request.body {
            outgoing.body = .bytes(bytes)
            traffic.countSent(bytes.readableBytes)
            request.onSent(bytes.readableBytes)
        }
        if let body { outgoing.body = body }
        return outgoing
    }

    private func execute(_ request: HTTPRequest, body: HTTPClientRequest.Body?) async throws -> HTTPClientResponse {
        let outgoing = outgoing(request, body: body)
        traffic.countRequest()
        let client = clients.client(
            request.lane,
            proxy: proxies.proxy(for: request.url.origin),
            keeps: !request.context.budget.avoidsKeptConnections
        )
        let start = timer.now()
        // A body on its way shows itself how far it is.
        let pending = body == nil ? traffic.begins(at: request.asked, start) : nil
        defer { traffic.ends(pending) }
        // What is asked and not answered yet: a host that hangs shows itself here alone.
        logger.trace(
            "registry asked",
            metadata: ["method": "\(request.method)", "url": "\(request.url.withoutQuery)"]
        )
        do {
            let response = try await client.execute(outgoing, deadline: .distantFuture)
            tell(request, "\(response.status.code)", since: start)
            return response
        } catch {
            tell(request, Task.isCancelled ? "none: given up" : "none", since: start)
            // Whichever clock is the first to tell: before the head nothing has been transferred that could stand still.
            if error as? HTTPClientError == .readTimeout { throw Timer.Expired() }
            throw error
        }
    }

    /// A line for every request, without what a query may hold.
    private func tell(_ request: HTTPRequest, _ status: @autoclosure () -> String, since start: Duration) {
        logger.debug(
            "registry request",
            metadata: [
                "method": "\(request.method)", "url": "\(request.url.withoutQuery)", "status": "\(status())",
                "took": "\(Int64((timer.now() - start) / .milliseconds(1))) ms",
            ]
        )
    }
}

extension HTTPTransport {
    private enum UploadEvent: Sendable {
        case answer(HTTPResponse)
        case allSent
    }

    /// Sends a blob's bytes as the request's body; an answer that comes before all is sent ends the sending.
    private func upload(_ request: HTTPRequest, _ feed: BlobFeed) async throws -> HTTPResponse {
        let pipe = BoundedPipe<ByteBuffer>(maximumCount: 1)
        let size = Int64(feed.range.count)
        let progress = UploadProgress(timer: timer, limit: timeout, size: size)
        do {
            return try await withThrowingTaskGroup(of: UploadEvent.self) { group in
                defer {
                    group.cancelAll()
                    pipe.close()
                }
                group.addTask { [self] in
                    let response = try await execute(request, body: .stream(pipe, length: .known(size)))
                    return .answer(try await collect(response, request, limit: request.limit))
                }
                group.addTask { [traffic] in
                    try await feed.run(into: pipe, progress: progress) { count in
                        traffic.countSent(count)
                        request.onSent(count)
                    }
                    return .allSent
                }
                group.addTask {
                    try await progress.watch()
                    return .allSent
                }
                while let event = try await group.next() {
                    guard case .answer(let answer) = event else { continue }
                    try progress.check(answer)
                    return answer
                }
                throw CancellationError()
            }
        } catch is Timer.Expired where progress.isSending {
            throw WireFailure(kind: .timeout, detail: "it takes no more of the bytes")
        } catch {
            guard progress.isAwaitingSource, var failure = WireFailure(error) else { throw error }
            failure.isAwaitingSource = true
            throw failure
        }
    }
}

extension HTTPRequest {
    /// Where it goes, once that has been decided.
    fileprivate var url: HTTPURL {
        guard case .url(let url) = target else { preconditionFailure("the stack has decided where a request goes") }
        return url
    }

    /// Services beside the registry know no tokens, and are never meant by its name.
    fileprivate var isElsewhere: Bool { scope == nil || url.origin != home?.origin }

    /// Whom a person would say is asked: the registry, whatever its `endpoint` is, unless it is somebody else.
    fileprivate var asked: String { isElsewhere ? url.origin.authority : context.location.host.description }

    fileprivate func answer(_ response: HTTPClientResponse, _ body: HTTPResponse.Body) -> HTTPResponse {
        HTTPResponse(status: Int(response.status.code), headers: response.headers, body: body, url: url)
    }
}
