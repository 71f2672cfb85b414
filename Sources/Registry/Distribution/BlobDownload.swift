import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import OCI

/// One blob on its way here, across as many connections as it takes.
///
/// Every resumption asks the registry anew: the address that it redirects to is signed and expires. A range that is
/// answered wrongly means "no ranges here": from then on the known part is received again and thrown away.
struct BlobDownload {
    /// What counts as progress: after so many bytes the tries start from the beginning.
    private static let progress = Int64(1 << 20)
    private static let maximumResumes = 100

    private let descriptor: Descriptor
    private let client: HostClient
    private let request: HTTPRequest
    /// The next byte to deliver.
    private var offset: Int64
    /// A strong entity tag, so that a range is never taken from other bytes.
    private var entityTag: String?
    private var hasNoRanges = false
    private var pace: TransferPace

    init(descriptor: Descriptor, offset: Int64, repository: Repository) {
        self.descriptor = descriptor
        self.offset = offset
        client = repository.client
        var request = repository.request(repository.context(.readBlob), .GET, "blobs/\(descriptor.digest)")
        request.isStreamed = true
        request.accepted = [200, 206]
        self.request = request
        pace = TransferPace(timer: client.transport.timer)
    }

    private var context: CallContext { request.context }

    mutating func run(_ deliver: (ByteBuffer) async throws -> Void) async throws {
        var resumes = 0
        while offset < descriptor.size {
            let start = offset
            do {
                try await attempt(deliver)
            } catch let failure as ReaderFailure {
                throw failure.error
            } catch {
                resumes += 1
                guard resumes <= Self.maximumResumes else { throw error }
                if offset - start >= Self.progress { context.budget.progressed() }
                try await context.budget.wait(after: error, context)
            }
        }
    }

    private mutating func attempt(_ deliver: (ByteBuffer) async throws -> Void) async throws {
        var request = request
        let asksRange = offset > 0 && !hasNoRanges
        if asksRange {
            request.headers.add(name: "Range", value: "bytes=\(offset)-")
            if let entityTag { request.headers.add(name: "If-Range", value: entityTag) }
        }
        do {
            try await client.perform(request) { response in
                guard case .stream(let body) = response.body, let part = try part(of: response, asksRange) else {
                    return
                }
                try await receive(body, part, deliver)
            }
        } catch var error as RegistryError where error.kind == .notFound {
            // Registries lag behind themselves: a manifest can be there before its blobs.
            error.isRetriedOnce = true
            throw error
        } catch let error as RegistryError where asksRange && error.isRefusalOfRange {
            hasNoRanges = true
        }
    }

    /// The part of the blob that an answer brings: where it begins and ends.
    ///
    /// - Returns: `nil` when it is no answer to the range that was asked for.
    private mutating func part(of response: HTTPResponse, _ asksRange: Bool) throws(RegistryError) -> Range<Int64>? {
        let fields = response.headers["Content-Range"]
        // Some call everything a part, also what was asked for as a whole.
        guard response.status == 206, asksRange || !fields.isEmpty else {
            // A server that sends the rest alone, and calls it the whole, is one that knows no ranges.
            if asksRange, let length = response.contentLength, length != descriptor.size,
                length == descriptor.size - offset
            {
                hasNoRanges = true
                return nil
            }
            try check(response, size: descriptor.size)
            return 0..<descriptor.size
        }
        guard fields.count == 1, case .range(let first, let last, let size) = ContentRange(fields[0]),
            first == offset, last < descriptor.size, size == nil || size == descriptor.size,
            response.contentLength.map({ $0 == last + 1 - first }) ?? true
        else {
            guard asksRange else { throw violation(response, "the answer is a part that was not asked for") }
            hasNoRanges = true
            return nil
        }
        try check(response, size: last + 1 - first)
        return first..<(last + 1)
    }

    private mutating func check(_ response: HTTPResponse, size: Int64) throws(RegistryError) {
        if let text = response.header("Content-Length"), Int64(text) != size {
            throw violation(response, "the answer has \(text.displaySafe) bytes instead of \(size)")
        }
        let coding = response.header("Content-Encoding")?.lowercased() ?? "identity"
        // Of the right length it is the blob itself, stored as it is and labelled by what it looks like.
        guard coding == "identity" || response.contentLength == size || ["", "none", "aws-chunked"].contains(coding)
        else { throw violation(response, "the blob comes encoded as '\(coding.displaySafe)'") }
        if let tag = response.header("ETag"), tag.hasPrefix("\""), tag.hasSuffix("\"") { entityTag = tag }
    }

    /// Delivers what is new of a part.
    private mutating func receive(
        _ body: HTTPBody,
        _ part: Range<Int64>,
        _ deliver: (ByteBuffer) async throws -> Void
    ) async throws {
        var position = part.lowerBound
        var iterator = body.makeAsyncIterator()
        while var piece = try await next(&iterator) {
            client.transport.traffic.countReceived(piece.readableBytes)
            guard Int64(piece.readableBytes) <= part.upperBound - position else {
                throw violation(nil, "more than \(part.count) bytes come")
            }
            let known = Int(min(max(0, offset - position), Int64(piece.readableBytes)))
            position += Int64(piece.readableBytes)
            piece.moveReaderIndex(forwardBy: known)
            guard piece.readableBytes > 0 else { continue }
            do {
                try await deliver(piece)
            } catch {
                throw ReaderFailure(error)
            }
            offset += Int64(piece.readableBytes)
        }
        guard position == part.upperBound else {
            throw context.error(.connection(.reset), "the transfer ended at byte \(offset) of \(descriptor.size)")
        }
    }

    private mutating func next(_ iterator: inout HTTPBody.AsyncIterator) async throws -> ByteBuffer? {
        pace.starts()
        do {
            let piece = try await iterator.next(isolation: #isolation)
            guard pace.isAcceptable(after: piece?.readableBytes ?? 0) else {
                throw context.error(.timeout, "the transfer is slower than 1 KiB/s")
            }
            return piece
        } catch {
            if Task.isCancelled { throw CancellationError() }
            guard let failure = WireFailure(error) else { throw error }
            // Whatever breaks within a body is a broken connection: the head was fine.
            let isTimeout = failure.kind == .timeout
            throw context.error(
                isTimeout ? .timeout : .connection(.reset),
                isTimeout
                    ? "the transfer stood still at byte \(offset) of \(descriptor.size)"
                    : "the transfer broke off at byte \(offset) of \(descriptor.size)",
                cause: failure.cause
            )
        }
    }

    private func violation(_ response: HTTPResponse?, _ detail: String) -> RegistryError {
        let detail = response?.isWebPage == true ? RegistryError.webPage : detail
        var error = context.error(.protocolViolation, "\(descriptor.digest): \(detail)")
        error.isRetriedOnce = true
        return error
    }
}
