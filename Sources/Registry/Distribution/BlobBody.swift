import AsyncHTTPClient
import NIOCore
import OCI

/// What an answer brings of a blob, piece by piece: counted, and given up when it is too slow to ever end.
struct BlobBody {
    private let context: CallContext
    private let transport: HTTPTransport
    /// Of the whole blob, in bytes, for messages.
    private let size: Int64
    /// Who sends it.
    private let response: HTTPResponse
    private var iterator: HTTPBody.AsyncIterator

    init(
        _ body: HTTPBody,
        of response: HTTPResponse,
        size: Int64,
        _ context: CallContext,
        _ transport: HTTPTransport
    ) {
        self.response = response
        self.size = size
        self.context = context
        self.transport = transport
        iterator = body.makeAsyncIterator()
    }

    /// The next piece; `nil` at the end.
    ///
    /// The pace is that of the whole transfer, the offset how far the blob has come, for messages.
    mutating func next(_ pace: inout TransferPace, at offset: Int64) async throws -> ByteBuffer? {
        pace.starts()
        do {
            let piece = try await iterator.next(isolation: #isolation)
            guard pace.isAcceptable(after: piece?.readableBytes ?? 0) else {
                throw error(.timeout, TransferPace.tooSlow)
            }
            if let piece { transport.traffic.countReceived(piece.readableBytes) }
            return piece
        } catch {
            if Task.isCancelled { throw CancellationError() }
            guard let failure = WireFailure(error) else { throw error }
            // Whatever breaks within a body is a broken connection: the head was fine.
            let isTimeout = failure.kind == .timeout
            throw self.error(
                isTimeout ? .timeout : .connection(.reset),
                isTimeout
                    ? "the transfer stood still at byte \(offset) of \(size)"
                    : "the transfer broke off at byte \(offset) of \(size)",
                cause: failure.cause
            )
        }
    }

    /// Says who sends it, too.
    func error(_ kind: RegistryError.Kind, _ detail: String, cause: (any Error)? = nil) -> RegistryError {
        var error = context.error(kind, detail, cause: cause)
        error.blames(response)
        return error
    }
}
