import NIOCore
import NIOHTTP1
import OCI

/// Reading and writing have connections and limits of their own, so that an upload that waits for a download of the
/// same host can never take the place that the download needs.
enum Lane: Int, CaseIterable, Sendable {
    case read
    case write
}

/// One HTTP request as it goes out, authorization included.
struct WireRequest: Sendable {
    /// What is sent after the head.
    enum Body: Sendable {
        case none
        case bytes(ByteBuffer)
        /// A range of a blob, read as it is sent.
        case blob(any BlobReader, Range<Int64>)
    }

    var method: HTTPMethod
    var address: HTTPURL
    var headers: HTTPHeaders = [:]
    var body: Body = .none
    var lane: Lane
}

/// A whole answer.
struct Answer: Sendable {
    let status: Int
    let headers: HTTPHeaders
    /// Cut at the limit that was asked for.
    let body: ByteBuffer
    /// Whether the body had more bytes than the limit.
    let isCut: Bool
    /// What was asked, after redirects.
    let address: HTTPURL

    /// Single-valued header.
    func header(_ name: String) -> String? { headers.first(name: name) }
}

/// Why an exchange came to no answer.
struct WireFailure: Error, Sendable {
    let kind: RegistryError.Kind
    let detail: String
    /// Whether the connection ended before the first byte of an answer, as a kept connection that went stale does.
    var isBeforeAnswer = false
    var cause: (any Error)?
}

/// Carries a reader's error through the layers that would otherwise take it for the registry's.
struct ReaderFailure: Error, Sendable {
    let error: any Error
}
