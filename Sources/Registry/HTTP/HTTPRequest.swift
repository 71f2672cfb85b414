import NIOCore
import NIOHTTP1
import OCI

/// Reading and writing have connections and limits of their own, so that an upload that waits for a download of the
/// same host can never take the place that the download needs.
enum Lane: Int, CaseIterable, Sendable {
    case read
    case write
}

/// One HTTP request, from the operation that needs it down to the wire; each handler fills in its part.
struct HTTPRequest: Sendable {
    /// Where it goes.
    enum Target: Sendable {
        /// Below the service's base: `/v2/` of a registry.
        case path(String, query: String? = nil)
        /// Where somebody has sent us.
        case url(HTTPURL)
    }

    /// What is sent after the head.
    enum Body: Sendable {
        case none
        case bytes(ByteBuffer)
        /// A range of a blob, read as it is sent.
        case blob(any BlobReader, Range<Int64>)

        /// In bytes.
        var count: Int64 {
            switch self {
            case .none: 0
            case .bytes(let bytes): Int64(bytes.readableBytes)
            case .blob(_, let range): Int64(range.count)
            }
        }

        var isEmpty: Bool { count == 0 }

        /// Whether it is more than one piece, so that it is still read while it is sent.
        var isLong: Bool { if case .blob = self { count > BlobFeed.pieceSize } else { false } }
    }

    let context: CallContext
    var method: HTTPMethod
    var target: Target
    var headers: HTTPHeaders = [:]
    var body = Body.none
    var lane = Lane.read
    /// The statuses that are answers; any other becomes an error.
    var accepted: Set<Int> = [200]
    /// How much of an accepted answer's body is kept, in bytes.
    var limit = HTTPTransport.errorBodyLimit
    /// What is done with an answer that comes when nobody waits for it any more; the request goes on till then.
    var whenLate: (@Sendable (HTTPResponse) async -> Void)?
    /// Is told how many bytes of the body are sent, piece by piece.
    var onSent: @Sendable (Int) -> Void = { _ in }
    /// Whether a successful answer's body is read piece by piece.
    var isStreamed = false
    /// What a token must allow; `nil` for services that know no tokens.
    var scope: Scope?
    /// Which registry is meant, where somebody else is asked in its place.
    var namespace: RegistryHost?
    /// Whom we say we are; only ever sent to `home`.
    var authorization = Authorization()
    /// Whose credentials these are: the service's own base.
    var home: HTTPURL?
}

/// An answer, whose body may still be on its way.
struct HTTPResponse: Sendable {
    enum Body: Sendable {
        /// Cut at the limit that was asked for, if it is.
        case whole(ByteBuffer, isCut: Bool)
        case stream(HTTPBody)
    }

    let status: Int
    let headers: HTTPHeaders
    let body: Body
    /// Who answers, after redirects.
    let url: HTTPURL
    /// What was asked with.
    var authorization = Authorization()
    /// The base of the service that was asked.
    var home: HTTPURL?

    /// Whether the service itself answers, and not somebody to whom it has led.
    var isHome: Bool { home.map { $0.origin == url.origin } ?? true }

    /// Whether it is not where the registry has led, and nobody says so who is a registry himself: an address that was signed
    /// has expired, or a store lags behind.
    var isLost: Bool { !isHome && !isUpgraded && [404, 410].contains(status) && !saysErrors }

    /// Whether the service's own host answers, which leads from plain HTTP to itself over TLS.
    private var isUpgraded: Bool {
        guard let origin = home?.origin, origin.host == url.origin.host else { return false }
        return origin.port == Origin.Scheme.http.defaultPort && url.origin.port == Origin.Scheme.https.defaultPort
    }

    /// The address that a `Location` means.
    func address(_ reference: some StringProtocol) -> HTTPURL? { url.resolving(reference)?.below(home) }

    /// The page that follows in a list, at this page's own place: what is said of its host and path is often wrong.
    func nextPage(_ context: CallContext) throws(RegistryError) -> HTTPURL? {
        guard let link = Link.next(in: headers["Link"]) else { return nil }
        guard let target = url.resolving(link.drop { $0 != "?" }) else {
            throw context.error(.protocolViolation, "the next page is said to be at no address")
        }
        return target.naming(as: url)
    }

    /// Single-valued header.
    func header(_ name: String) -> String? { headers.first(name: name) }

    /// Whether the body is what it stands for, as far as its head says; some label what they do not encode.
    var hasIdentityCoding: Bool {
        ["identity", "", "none", "aws-chunked"].contains(header("Content-Encoding")?.lowercased() ?? "")
    }

    var challenges: [Challenge] { Challenge.parse(headers["WWW-Authenticate"]) }

    /// The challenge that names a token service.
    var bearerChallenge: Challenge? {
        challenges.first { $0.scheme == "bearer" && $0.parameters["realm"] != nil }
    }

    /// The length that its head announces, in bytes.
    var contentLength: Int64? { header("Content-Length").flatMap { Int64($0) } }

    /// The body as far as it has been taken in.
    var bytes: ByteBuffer { if case .whole(let bytes, _) = body { bytes } else { ByteBuffer() } }

    /// Whether the body had more bytes than the limit.
    var isCut: Bool { if case .whole(_, let isCut) = body { isCut } else { false } }

    /// Whether it is a page for people: a portal, a log-in page or a proxy stands in between, some of which call it otherwise.
    ///
    /// Content that is a page itself, and is named by its digest, is none, nor is an error that a store tells in XML.
    var isWebPage: Bool {
        guard saidDigest == nil else { return false }
        let type = header("Content-Type")?.lowercased() ?? ""
        if ["text/html", "application/xhtml+xml"].contains(where: type.hasPrefix) { return true }
        let beginning = bytes.readableBytesView.drop { UInt8(ascii: " ") >= $0 || "\u{FEFF}".utf8.contains($0) }
        guard beginning.first == UInt8(ascii: "<") else { return false }
        let text = String(decoding: beginning.prefix(1024), as: UTF8.self).lowercased()
        return !["<?xml", "<error"].contains(where: text.hasPrefix)
            || ["<!doctype html", "<html"].contains(where: text.contains)
    }
}

/// Sends a request, itself or by the next handler in the stack, and returns the answer.
///
/// Retries and places are beyond the stack, as they cover what is done with the answer too. Throws ``RegistryError``,
/// ``ReaderFailure`` and `CancellationError`.
protocol HTTPHandler: Sendable {
    func send(_ request: HTTPRequest) async throws -> HTTPResponse
}

/// Carries a reader's error through the layers that would otherwise take it for the registry's.
package struct ReaderFailure: Error, Sendable {
    package let error: any Error

    package init(_ error: any Error) {
        self.error = error
    }
}
