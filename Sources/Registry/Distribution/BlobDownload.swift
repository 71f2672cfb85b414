import AsyncHTTPClient
import Concurrency
import NIOCore
import NIOHTTP1
import OCI

/// One blob on its way here, across as many connections as it takes.
///
/// Every resumption asks the registry anew: the address that it redirects to is signed and expires. A range that is
/// answered wrongly means "no ranges here": from then on the known part is received again and thrown away. A range that
/// brings nothing but the failures of a bad day is asked for again; the last try is without one.
struct BlobDownload {
    typealias Deliver = (ByteBuffer) async throws -> Void

    /// What counts as progress: after so many bytes the tries start from the beginning.
    private static let progress = Int64(1 << 20)
    private static let maximumResumes = 100
    /// So many parts that end early, and bring no progress, are taken.
    private static let maximumScraps = 100

    private let descriptor: Descriptor
    private let client: HostClient
    private let request: HTTPRequest
    /// The next byte to deliver.
    private var offset: Int64
    /// A strong entity tag, so that a range is never taken from other bytes.
    private var entityTag: String?
    /// Whether one that was given a moment ago was not known any more.
    private var hasChangingTags = false
    private var hasNoRanges = false
    /// What the answer under way is labelled as, where no length has shown yet that it is the blob itself.
    private var doubtfulCoding: String?
    private var scraps = 0
    /// Whether the last range that was asked for brought nothing, though somebody was there to answer.
    private var isRangeDoubtful = false
    /// Whether the receiver knows that the blob comes.
    private var isAnnounced = false
    private var pace: TransferPace
    /// Parts that are asked for beside the front; `nil` where there is no space for what arrives ahead of it.
    private var windows: BlobWindows?

    init(descriptor: Descriptor, offset: Int64, ahead scratch: (any ScratchSpace)?, repository: Repository) {
        self.descriptor = descriptor
        self.offset = offset
        client = repository.client
        let context = repository.context(.readBlob, of: descriptor.digest)
        var request = repository.request(context, .GET, "blobs/\(descriptor.digest)")
        request.isStreamed = true
        request.accepted = [200, 206]
        self.request = request
        pace = TransferPace(timer: client.transport.timer)
        windows = scratch.map { [client] in BlobWindows($0, of: descriptor.size, client, request) }
    }

    private var context: CallContext { request.context }

    mutating func run(_ deliver: Deliver) async throws {
        try await withThrowingDiscardingTaskGroup { scope in
            try await run(&scope, deliver)
            scope.cancelAll()
        }
    }

    private mutating func run(_ scope: inout BlobWindows.Scope, _ deliver: Deliver) async throws {
        var resumes = 0
        var start = offset
        while offset < descriptor.size {
            do {
                guard try await !follow(&scope, deliver) else { continue }
                try await attempt(&scope, deliver)
            } catch let failure as ReaderFailure {
                throw failure.error
            } catch {
                resumes += 1
                guard resumes <= Self.maximumResumes else { throw error }
                if offset - start >= Self.progress { context.budget.progressed() }
                start = offset
                do {
                    try await context.budget.wait(after: error, context)
                } catch is RegistryError where isRangeDoubtful {
                    (hasNoRanges, isRangeDoubtful) = (true, false)
                }
            }
        }
    }

    /// Delivers the window that the front has reached, as far as it comes.
    ///
    /// - Returns: whether there was one.
    private mutating func follow(_ scope: inout BlobWindows.Scope, _ deliver: Deliver) async throws -> Bool {
        guard let window = windows?.reached(by: offset) else { return false }
        while let piece = try await windows?.next(of: window, at: offset, in: &scope) {
            try await hand(piece, &scope, deliver)
        }
        windows?.leave(window)
        return true
    }

    private mutating func attempt(_ scope: inout BlobWindows.Scope, _ deliver: Deliver) async throws {
        var request = request
        if isRangeDoubtful, context.budget.isAtLastTry { hasNoRanges = true }
        isRangeDoubtful = false
        let asksRange = offset > 0 && !hasNoRanges
        let (start, hadChangingTags) = (offset, hasChangingTags)
        if asksRange {
            let last = windows?.bound.map { "\($0 - 1)" } ?? ""
            request.headers.add(name: "Range", value: "bytes=\(offset)-\(last)")
            if let entityTag, !hasChangingTags { request.headers.add(name: "If-Range", value: entityTag) }
        }
        do {
            try await client.perform(request) { response in
                guard case .stream(let body) = response.body, let part = try part(of: response, asksRange) else {
                    return
                }
                let tag = hasChangingTags ? nil : response.header("ETag")
                windows?.begin(with: response, entityTag: tag, again: part.lowerBound < offset)
                if response.contentLength != nil { try await announce(deliver) }
                let blob = BlobBody(body, of: response, size: descriptor.size, context, client.transport)
                try await receive(blob, part, &scope, deliver)
            }
        } catch let error as RegistryError where asksRange && error.isRefusalOfRange {
            hasNoRanges = true
        } catch let error as RegistryError
            where asksRange && offset == start && hasChangingTags == hadChangingTags && error.mayBeTheRange
        {
            isRangeDoubtful = true
            throw error
        } catch var error as RegistryError where error.kind == .notFound {
            // Registries lag behind themselves: a manifest can be there before its blobs.
            error.isRetriedOnce = true
            throw error
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
            // Nodes of one registry may each have a tag of their own for the same bytes; the digest tells.
            if asksRange, entityTag != nil { hasChangingTags = true }
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
        if last + 1 < (windows?.bound ?? descriptor.size), last + 1 - first < Self.progress { scraps += 1 }
        if scraps >= Self.maximumScraps { hasNoRanges = true }
        return first..<(last + 1)
    }

    private mutating func check(_ response: HTTPResponse, size: Int64) throws(RegistryError) {
        if let text = response.header("Content-Length"), Int64(text) != size {
            throw violation(response, "the answer has \(text.displaySafe) bytes instead of \(size)")
        }
        // Of the right length it is the blob itself, stored as it is and labelled by what it looks like.
        let isPlain = response.hasIdentityCoding || response.contentLength == size
        doubtfulCoding = isPlain ? nil : response.header("Content-Encoding")?.lowercased()
        if let tag = response.header("ETag")?.strongEntityTag { entityTag = tag }
    }

    /// Says that the blob comes: its first bytes may take their time.
    private mutating func announce(_ deliver: Deliver) async throws {
        guard !isAnnounced else { return }
        isAnnounced = true
        try await give(ByteBuffer(), to: deliver)
    }

    /// Delivers what is new of a part, up to where a window begins.
    private mutating func receive(
        _ body: consuming BlobBody,
        _ part: Range<Int64>,
        _ scope: inout BlobWindows.Scope,
        _ deliver: Deliver
    ) async throws {
        var position = part.lowerBound
        while var piece = try await body.next(&pace, at: offset) {
            guard Int64(piece.readableBytes) <= part.upperBound - position else {
                throw encoding() ?? violation(nil, "more than \(part.count) bytes come")
            }
            windows?.received(piece.readableBytes)
            let known = Int(min(max(0, offset - position), Int64(piece.readableBytes)))
            position += Int64(piece.readableBytes)
            piece.moveReaderIndex(forwardBy: known)
            if let start = windows?.start, position >= start, start < part.upperBound,
                let place = try await windows?.takeOver(in: offset..<position)
            {
                piece.moveWriterIndex(to: piece.writerIndex - Int(position - place))
                return try await hand(piece, &scope, deliver)
            }
            guard piece.readableBytes > 0 else { continue }
            try await hand(piece, &scope, deliver)
        }
        guard position == part.upperBound else {
            throw encoding()
                ?? body.error(.connection(.reset), "the transfer ended at byte \(offset) of \(descriptor.size)")
        }
    }

    /// Delivers bytes, and looks whether more connections are worth while now.
    private mutating func hand(_ piece: ByteBuffer, _ scope: inout BlobWindows.Scope, _ deliver: Deliver) async throws {
        let start = client.transport.timer.now()
        isAnnounced = true
        try await give(piece, to: deliver)
        offset += Int64(piece.readableBytes)
        windows?.delivered(to: offset, since: start, in: &scope)
    }

    private func give(_ piece: ByteBuffer, to deliver: Deliver) async throws {
        do {
            try await deliver(piece)
        } catch {
            throw ReaderFailure(error)
        }
    }

    /// Of another length than the blob's it is encoded as its label says, and no part of it is the blob's.
    private mutating func encoding() -> RegistryError? {
        guard let doubtfulCoding else { return nil }
        hasNoRanges = true
        return violation(nil, "the blob comes encoded as '\(doubtfulCoding.displaySafe)'")
    }

    private func violation(_ response: HTTPResponse?, _ detail: String) -> RegistryError {
        let detail = response?.isWebPage == true ? RegistryError.webPage : detail
        var error = context.error(.protocolViolation, "\(descriptor.digest): \(detail)")
        error.isRetriedOnce = true
        if let response { error.blames(response) }
        return error
    }
}

extension String {
    /// Itself, where it is an entity tag that promises equal bytes (RFC 9110, 8.8.3).
    var strongEntityTag: String? { hasPrefix("\"") && hasSuffix("\"") ? self : nil }
}
