import AsyncHTTPClient
import Concurrency
import Logging
import NIOCore
import NIOHTTP1
import OCI

/// Sends single requests and measures their time: no retries, no redirects, no authorization.
final class HTTPTransport: Sendable {
    /// What is read of the body of an answer that reports an error, in bytes.
    static let errorBodyLimit = 64 << 10
    /// Pieces of an upload, in bytes.
    private static let pieceSize = 256 << 10
    /// How many bytes of an upload may be handed to the event loops before they have had a turn.
    private static let window = 512 << 10

    let timer: Timer
    let timeout: Duration
    let traffic = Traffic()
    private let clients: HTTPClients
    /// Whether the clients are somebody else's, who closes them.
    private let isSharing: Bool
    private let trust: TrustStore
    private let proxies: ProxySettings
    private let userAgent: String
    private let logger: Logger

    init(_ configuration: RegistryConfiguration, timer: Timer) throws {
        self.timer = timer
        timeout = configuration.retry.timeout
        proxies = configuration.proxies
        userAgent = configuration.userAgent
        logger = configuration.logger
        isSharing = configuration.connections != nil
        trust = try configuration.connections?.trust ?? TrustStore(configuration.hosts)
        clients = configuration.connections?.clients ?? HTTPClients(configuration)
    }

    func shutdown() async {
        if !isSharing { await clients.shutdown(logger: logger) }
    }

    /// Sends a request and takes in its whole answer, within the time of one control operation.
    ///
    /// Of a body `limit` bytes are kept; the rest is thrown away with the connection. Throws ``WireFailure``,
    /// ``ReaderFailure`` and `CancellationError`.
    func fetch(_ request: WireRequest, limit: Int) async throws -> Answer {
        if case .blob(let reader, let range) = request.body {
            return range.count > Self.pieceSize
                ? try await upload(request, reader: reader, range: range, limit: limit)
                : try await fetch(whole(request, reader: reader, range: range), limit: limit)
        }
        return try await mapping {
            try await timer.limit(timeout) { [self] in
                let response = try await execute(request, body: nil)
                return try await collect(response, request: request, limit: limit)
            }
        }
    }

    /// Sends a request and returns as soon as the head of its answer is there; the body must be read or dropped.
    ///
    /// - Throws: ``WireFailure``, `CancellationError`.
    func open(_ request: WireRequest) async throws -> HTTPClientResponse {
        try await mapping {
            try await timer.limit(timeout) { [self] in try await execute(request, body: nil) }
        }
    }

    /// Takes in the body of an answer that was opened.
    func collect(_ response: HTTPClientResponse, request: WireRequest, limit: Int) async throws -> Answer {
        var body = ByteBuffer()
        var isCut = false
        if request.method != .HEAD {
            for try await piece in response.body {
                traffic.countReceived(piece.readableBytes)
                var piece = piece
                guard body.readableBytes + piece.readableBytes <= limit else {
                    if let part = piece.readSlice(length: limit - body.readableBytes) {
                        body.writeImmutableBuffer(part)
                    }
                    isCut = true
                    break
                }
                body.writeBuffer(&piece)
            }
        }
        return Answer(
            status: Int(response.status.code),
            headers: response.headers,
            body: body,
            isCut: isCut,
            address: request.address
        )
    }

    /// Gives the errors of the layers below their meaning.
    func mapping<Result>(_ body: () async throws -> Result) async throws -> Result {
        do {
            return try await body()
        } catch {
            if Task.isCancelled { throw CancellationError() }
            throw WireFailure(error) ?? error
        }
    }

    private func execute(_ request: WireRequest, body: HTTPClientRequest.Body?) async throws -> HTTPClientResponse {
        var outgoing = HTTPClientRequest(url: request.address.text)
        outgoing.method = request.method
        outgoing.headers = request.headers
        outgoing.headers.replaceOrAdd(name: "User-Agent", value: userAgent)
        outgoing.headers.replaceOrAdd(name: "Accept-Encoding", value: "identity")
        outgoing.tlsConfiguration = trust.configuration(for: request.address.origin)
        if case .bytes(let bytes) = request.body {
            outgoing.body = .bytes(bytes)
            traffic.countSent(bytes.readableBytes)
        }
        if let body { outgoing.body = body }
        traffic.countRequest()
        let client = clients.client(request.lane, proxy: proxies.proxy(for: request.address.origin))
        let response = try await client.execute(outgoing, deadline: .distantFuture)
        logger.trace(
            "registry request",
            metadata: [
                "method": "\(request.method)",
                "url": "\(request.address.withoutQuery)",
                "status": "\(response.status.code)",
            ]
        )
        return response
    }
}

extension HTTPTransport {
    private enum UploadEvent: Sendable {
        case answer(Answer)
        case allSent
    }

    /// Sends a blob's bytes as the request's body; an answer that comes before all is sent ends the sending.
    private func upload(
        _ request: WireRequest,
        reader: any BlobReader,
        range: Range<Int64>,
        limit: Int
    ) async throws -> Answer {
        let pipe = BoundedPipe<ByteBuffer>(maximumCount: 1)
        let progress = UploadProgress(timer: timer, limit: timeout, size: Int64(range.count))
        defer { pipe.close() }
        return try await mapping {
            try await withThrowingTaskGroup(of: UploadEvent.self) { group in
                defer {
                    group.cancelAll()
                    pipe.close()
                }
                group.addTask { [self] in
                    let body = HTTPClientRequest.Body.stream(pipe, length: .known(Int64(range.count)))
                    let response = try await execute(request, body: body)
                    return .answer(try await collect(response, request: request, limit: limit))
                }
                group.addTask { [self] in
                    try await feed(pipe, from: reader, range: range, progress: progress)
                    return .allSent
                }
                group.addTask {
                    try await progress.watch()
                    return .allSent
                }
                while let event = try await group.next() {
                    if case .answer(let answer) = event { return answer }
                }
                throw CancellationError()
            }
        }
    }

    private func feed(
        _ pipe: BoundedPipe<ByteBuffer>,
        from reader: any BlobReader,
        range: Range<Int64>,
        progress: UploadProgress
    ) async throws {
        var offset = range.lowerBound
        var unconfirmed = 0
        while offset < range.upperBound {
            progress.awaitsSource()
            let piece = try await readPiece(reader, at: offset, upTo: range.upperBound)
            progress.sends()
            offset += Int64(piece.readableBytes)
            guard (try? await pipe.send(piece)) != nil else { return }
            traffic.countSent(piece.readableBytes)
            unconfirmed += piece.readableBytes
            if unconfirmed >= Self.window {
                try await takeTurns()
                unconfirmed = 0
            }
        }
        progress.awaitsAnswer()
        pipe.finish()
    }

    /// A request with the bytes themselves: what is one piece needs no task that feeds it while it is sent.
    private func whole(
        _ request: WireRequest,
        reader: any BlobReader,
        range: Range<Int64>
    ) async throws -> WireRequest {
        var bytes = try await readPiece(reader, at: range.lowerBound, upTo: range.upperBound)
        while bytes.readableBytes < range.count {
            let offset = range.lowerBound + Int64(bytes.readableBytes)
            bytes.writeImmutableBuffer(try await readPiece(reader, at: offset, upTo: range.upperBound))
        }
        var request = request
        request.body = .bytes(bytes)
        return request
    }

    /// Waits until every event loop has done what it was given before.
    ///
    /// The library asks a connection whether it is writable without waiting for its event loop, so on a busy machine it
    /// takes pieces much faster than they are sent: 200 MiB of one upload were seen in memory.
    private func takeTurns() async throws {
        for loop in HTTPClient.defaultEventLoopGroup.makeIterator() {
            try await loop.submit {}.get()
        }
    }

    private func readPiece(_ reader: any BlobReader, at offset: Int64, upTo end: Int64) async throws -> ByteBuffer {
        let piece: ByteBuffer
        do {
            piece = try await reader.read(at: offset, atMost: Int(min(Int64(Self.pieceSize), end - offset)))
        } catch is CancellationError where Task.isCancelled {
            throw CancellationError()
        } catch {
            throw ReaderFailure(error: error)
        }
        guard piece.readableBytes > 0 else {
            throw ReaderFailure(
                error: DocumentError(.structure, "\(reader.descriptor.digest) ends at byte \(offset) of \(end)")
            )
        }
        return piece
    }
}
