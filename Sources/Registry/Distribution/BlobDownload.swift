import AsyncHTTPClient
import Concurrency
import NIOCore
import NIOHTTP1
import OCI

/// One blob on its way here, across as many connections as it takes.
///
/// Every resumption asks the registry anew: the address that it redirects to is signed and expires.
struct BlobDownload {
    /// What counts as progress: after so many bytes the tries start from the beginning.
    private static let progress = Int64(1 << 20)
    private static let maximumResumes = 100

    private let descriptor: Descriptor
    private let repository: Repository
    private let call: Call
    /// The next byte to deliver.
    private var offset: Int64
    /// A strong entity tag, so that a range is never taken from other bytes.
    private var entityTag: String?
    /// Whether the registry has refused the range; from then on the known part is received again and thrown away.
    private var hasNoRanges = false
    private var pace: TransferPace

    init(descriptor: Descriptor, offset: Int64, repository: Repository) {
        self.descriptor = descriptor
        self.offset = offset
        self.repository = repository
        var call = repository.call(.readBlob, .GET, "blobs/\(descriptor.digest)")
        call.isStreamed = true
        self.call = call
        pace = TransferPace(timer: repository.connection.transport.timer)
    }

    mutating func run(_ deliver: (ByteBuffer) async throws -> Void) async throws {
        var count = Retrier.Count()
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
                if offset - start >= Self.progress { count.reset() }
                try await repository.connection.retrier.wait(after: error, call.context, &count)
            }
        }
    }

    private mutating func attempt(_ deliver: (ByteBuffer) async throws -> Void) async throws {
        var call = call
        if offset > 0, !hasNoRanges {
            call.headers.add(name: "Range", value: "bytes=\(offset)-")
            if let entityTag { call.headers.add(name: "If-Range", value: entityTag) }
        }
        let connection = repository.connection
        do {
            try await connection.perform(call, accepting: [200, 206]) { reply in
                guard case .stream(let response, _) = reply else { return }
                let skipped = try checkHead(response)
                try await receive(response.body, skipping: skipped, deliver)
            }
        } catch var error as RegistryError where error.kind == .notFound {
            // Registries lag behind themselves: a manifest can be there before its blobs.
            error.isRetriedOnce = true
            throw error
        } catch let error as RegistryError where error.status == 416 && !hasNoRanges {
            hasNoRanges = true
        }
    }

    /// - Returns: how many bytes to throw away before the first that is wanted.
    private mutating func checkHead(_ response: HTTPClientResponse) throws(RegistryError) -> Int64 {
        let headers = response.headers
        if let encoding = headers.first(name: "Content-Encoding"), encoding.lowercased() != "identity" {
            throw violation("the blob comes encoded as '\(encoding.displaySafe)'")
        }
        let isPartial = response.status == .partialContent
        let expected = isPartial ? descriptor.size - offset : descriptor.size
        if let length = headers.first(name: "Content-Length"), Int64(length) != expected {
            let isPage = headers.first(name: "Content-Type")?.lowercased().hasPrefix("text/html") == true
            throw isPage
                ? violation("the answer is a web page; a proxy or a login page may stand between")
                : violation("the answer has \(length.displaySafe) bytes instead of \(expected)")
        }
        if let tag = headers.first(name: "ETag"), tag.hasPrefix("\""), tag.hasSuffix("\"") { entityTag = tag }
        guard isPartial else { return offset }
        let fields = headers["Content-Range"]
        guard fields.count == 1, case .range(let first, let last, let size) = ContentRange(fields[0]),
            first == offset, last == descriptor.size - 1, size == nil || size == descriptor.size
        else { throw violation("the answer is another range than the one that was asked for") }
        return 0
    }

    private mutating func receive(
        _ body: HTTPClientResponse.Body,
        skipping: Int64,
        _ deliver: (ByteBuffer) async throws -> Void
    ) async throws {
        let traffic = repository.connection.transport.traffic
        var toSkip = skipping
        var iterator = body.makeAsyncIterator()
        while var piece = try await next(&iterator) {
            traffic.countReceived(piece.readableBytes)
            let skipped = Int(min(toSkip, Int64(piece.readableBytes)))
            piece.moveReaderIndex(forwardBy: skipped)
            toSkip -= Int64(skipped)
            guard piece.readableBytes > 0 else { continue }
            guard Int64(piece.readableBytes) <= descriptor.size - offset else {
                throw violation("more than \(descriptor.size) bytes come")
            }
            do {
                try await deliver(piece)
            } catch {
                throw ReaderFailure(error: error)
            }
            offset += Int64(piece.readableBytes)
        }
        guard offset == descriptor.size else {
            throw call.context.error(
                .connection(.reset),
                "the transfer ended at byte \(offset) of \(descriptor.size)"
            )
        }
    }

    private mutating func next(_ iterator: inout HTTPClientResponse.Body.AsyncIterator) async throws -> ByteBuffer? {
        pace.starts()
        do {
            let piece = try await iterator.next(isolation: #isolation)
            guard pace.isAcceptable(after: piece?.readableBytes ?? 0) else {
                throw call.context.error(.timeout, "the transfer is slower than 1 KiB/s")
            }
            return piece
        } catch {
            if Task.isCancelled { throw CancellationError() }
            guard let failure = WireFailure(error) else { throw error }
            // Whatever breaks within a body is a broken connection: the head was fine.
            let isTimeout = failure.kind == .timeout
            throw call.context.error(
                isTimeout ? .timeout : .connection(.reset),
                isTimeout
                    ? "the transfer stood still at byte \(offset) of \(descriptor.size)"
                    : "the transfer broke off at byte \(offset) of \(descriptor.size)",
                cause: failure.cause
            )
        }
    }

    private func violation(_ detail: String) -> RegistryError {
        var error = call.context.error(.protocolViolation, "\(descriptor.digest): \(detail)")
        error.isRetriedOnce = true
        return error
    }
}

/// Notices transfers that move, but too slowly to ever end.
struct TransferPace {
    private static let window = Duration.seconds(300)
    private static let floor = 300 << 10

    private let timer: Timer
    private var started = Duration.zero
    private var waited = Duration.zero
    private var bytes = 0

    init(timer: Timer) {
        self.timer = timer
    }

    /// The wait for the next bytes begins; the time in which the receiver is busy does not count.
    mutating func starts() { started = timer.now() }

    /// - Returns: `false` once less than 1 KiB/s came over five minutes of waiting.
    mutating func isAcceptable(after count: Int) -> Bool {
        waited += timer.now() - started
        bytes += count
        guard waited >= Self.window else { return true }
        defer {
            waited = .zero
            bytes = 0
        }
        return bytes >= Self.floor || count == 0
    }
}
