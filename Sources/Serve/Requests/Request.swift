/// A request, and where its path leads.
struct Request: Sendable {
    let head: RequestHead
    /// `nil` when its target cannot be decoded.
    let target: RequestTarget?
    /// `nil` when its path leads nowhere.
    let route: Route?

    init(_ head: RequestHead) {
        self.head = head
        target = RequestTarget(head.target)
        route = target.flatMap { Route($0.components) }
    }
}

/// What a request asks for: its first line, and those of its header fields that matter here.
struct RequestHead: Hashable, Sendable {
    var method: RequestMethod
    /// Path and query as they were sent.
    var target: String
    var isHTTP10: Bool
    var fields = RequestFields()

    /// What follows the head.
    enum Body: Hashable, Sendable {
        case none
        /// Some bytes, announced by `Content-Length`; never 0.
        case bytes(Int)
        /// Of unknown length: it is not read, so the connection ends with the answer.
        case chunked
    }

    var body: Body {
        if fields.isChunked { return .chunked }
        guard let length = fields.contentLength, length > 0 else { return .none }
        return .bytes(length)
    }

    /// Whether the client lets another request follow.
    var allowsAnother: Bool {
        let options = (fields.connection ?? "").lowercased().split { $0 == "," || $0 == " " || $0 == "\t" }
        return options.contains("close") ? false : !isHTTP10 || options.contains("keep-alive")
    }
}

/// A request's method; all but two are refused.
enum RequestMethod: Hashable, Sendable {
    case get
    case head
    case other(String)

    init(_ name: String) {
        switch name {
        case "GET": self = .get
        case "HEAD": self = .head
        default: self = .other(name)
        }
    }

    var name: String {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .other(let name): name
        }
    }
}

/// The header fields that are looked at; all others have been checked and forgotten.
struct RequestFields: Hashable, Sendable {
    var host: String?
    var connection: String?
    var contentLength: Int?
    var isChunked = false
    var expect: String?
    var authorization: String?
    var range: String?
    var ifRange: String?
    var ifNoneMatch: String?
    var userAgent: String?
    var via: String?
    var forwardedPrefix: String?
}

/// A request that is answered with an error at once, and whose connection ends with the answer.
///
/// Where its end is cannot be relied on.
struct RefusedRequest: Error, Hashable {
    let status: Int
    let message: String

    static func malformed(_ message: String) -> RefusedRequest {
        RefusedRequest(status: 400, message: message)
    }
}
