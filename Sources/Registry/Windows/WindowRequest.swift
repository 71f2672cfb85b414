import Concurrency
import NIOCore
import NIOHTTP1
import OCI
import Synchronization

/// Asks for one window of a blob, and takes in what comes.
///
/// Its failure is no failure of the download: the front goes on from where the window ends. So nothing is tried again here
/// but what is free.
struct WindowRequest: Sendable {
    let client: HostClient
    /// Of the whole blob.
    let request: HTTPRequest
    /// Of the answer that has brought the front, as it stands.
    let entityTag: String?
    /// Where the registry has led to it.
    let address: BlobAddress
    /// In bytes.
    let size: Int64
    /// What has come over all connections.
    let tally: WindowTally

    /// The answer is no part that was asked for.
    private struct OtherAnswer: Error {}

    func run(_ window: BlobWindow) async {
        do {
            try await window.whileWanted {
                do {
                    try await attempt(window)
                } catch let error as RegistryError where error.isBeforeAnswer {
                    try await attempt(window)
                }
            }
        } catch is OtherAnswer {
            window.end(.refused)
        } catch let error as RegistryError where error.wantsFewer || error.isRefusalOfRange {
            window.end(.refused)
        } catch is BlobWindow.Unwritable {
            window.end(.broken)
        } catch {
            window.breakOff()
        }
    }

    /// Asks where the registry has led a moment ago, or the registry, where that one does not bring it.
    private func attempt(_ window: BlobWindow) async throws {
        guard let url = address.current else { return try await attempt(window, at: request.target) }
        do {
            try await attempt(window, at: .url(url))
        } catch let error where !(error is BlobWindow.Unwritable) {
            let isLimit = (error as? RegistryError)?.wantsFewer == true
            guard !isLimit, !Task.isCancelled, window.progress.position == window.range.lowerBound else { throw error }
            address.forget()
            try await attempt(window, at: request.target)
        }
    }

    private func attempt(_ window: BlobWindow, at target: HTTPRequest.Target) async throws {
        var request = request
        request.target = target
        request.headers.add(name: "Range", value: "bytes=\(window.range.lowerBound)-\(window.range.upperBound - 1)")
        if let strong = entityTag?.strongEntityTag { request.headers.add(name: "If-Range", value: strong) }
        let response = try await client.sendInPlace(request)
        guard case .stream(let body) = response.body, isPart(response, window.range) else { throw OtherAnswer() }
        if case .path = target { address.note(response) }
        try await receive(BlobBody(body, of: response, size: size, request.context, client.transport), window)
    }

    /// Whether it is exactly the part that was asked for, of the same blob.
    private func isPart(_ response: HTTPResponse, _ range: Range<Int64>) -> Bool {
        let fields = response.headers["Content-Range"]
        guard response.status == 206, fields.count == 1,
            case .range(let first, let last, let total) = ContentRange(fields[0]),
            first == range.lowerBound, last == range.upperBound - 1, total == nil || total == size
        else { return false }
        let tag = response.header("ETag")
        return (tag == nil || entityTag == nil || tag == entityTag)
            && (response.contentLength.map { $0 == Int64(range.count) } ?? true)
    }

    private func receive(_ body: consuming BlobBody, _ window: BlobWindow) async throws {
        var body = body
        var pace = TransferPace(timer: client.transport.timer)
        while let piece = try await body.next(&pace, at: window.progress.position) {
            guard Int64(piece.readableBytes) <= window.range.upperBound - window.progress.position else {
                throw OtherAnswer()
            }
            tally.add(piece.readableBytes)
            try window.append(piece)
        }
        guard window.progress.position == window.range.upperBound else {
            throw request.context.error(.connection(.reset), "a part ended early")
        }
    }
}

/// What has come of one blob, over all of its connections.
final class WindowTally: Sendable {
    private let bytes = Atomic<Int64>(0)

    var received: Int64 { bytes.load(ordering: .relaxed) }

    func add(_ count: Int) { bytes.add(Int64(count), ordering: .relaxed) }
}
