import NIOHTTP1
import OCI

/// Follows redirects, and sends credentials to the service's own origin only.
///
/// They do not come back once a redirect has led away from it. HTTPS never leads to HTTP. A request with a body follows
/// within its origin only.
struct FollowRedirects: HTTPHandler {
    let next: any HTTPHandler
    /// Whether other origins are refused: where a token service sends clients is where attackers send them.
    var staysHome = false

    func send(_ first: HTTPRequest) async throws -> HTTPResponse {
        guard case .url(var url) = first.target else { return try await next.send(first) }
        var way = Way(first)
        try way.enter(url)
        while true {
            var request = first
            request.target = .url(url)
            if way.mayCarryCredentials, let header = first.authorization.header {
                request.headers.replaceOrAdd(name: "Authorization", value: header.revealed)
            }
            var response = try await next.send(request)
            response.isHome = url.origin == first.home
            // What was presented decides what an error says, and what it must not repeat.
            response.authorization = first.authorization
            guard let target = try way.target(of: response, staysHome: staysHome) else { return response }
            url = target
        }
    }
}

/// Where the redirects of one request have led.
private struct Way {
    private static let limit = 10

    private let request: HTTPRequest
    private(set) var mayCarryCredentials = true
    private var visited: Set<HTTPURL> = []
    /// Whether the way has led over HTTPS: from there it may not lead back to HTTP.
    private var isSecured: Bool

    init(_ request: HTTPRequest) {
        self.request = request
        isSecured = request.home?.scheme == .https
    }

    private var context: CallContext { request.context }

    /// - Returns: where to go on; `nil` when the response is no redirect.
    mutating func target(of response: HTTPResponse, staysHome: Bool) throws(RegistryError) -> HTTPURL? {
        guard [301, 302, 303, 307, 308].contains(response.status), let text = response.header("Location") else {
            return nil
        }
        guard let target = response.url.resolving(text) else {
            throw context.error(.protocolViolation, "the registry redirects to something that is not an HTTP address")
        }
        let isSameOrigin = target.origin == response.url.origin
        guard isSameOrigin || !staysHome else {
            throw context.error(.protocolViolation, "the token service redirects to another place, which is refused")
        }
        let isReading = request.method == .GET || request.method == .HEAD
        let isKept = response.status != 303 && (isSameOrigin || response.status >= 307 && request.body.isEmpty)
        guard isReading || isKept && !staysHome else {
            throw context.error(
                .protocolViolation,
                "the registry redirects a \(request.method) to \(target.origin), which is refused",
                status: response.status
            )
        }
        try enter(target)
        return target
    }

    /// Takes in a place, the first one too: an upload's may be another's.
    mutating func enter(_ url: HTTPURL) throws(RegistryError) {
        if url.origin.scheme == .http, isSecured {
            let hint =
                url.origin.host == request.home?.host
                ? "; a proxy in front of it may have to set X-Forwarded-Proto" : ""
            throw context.error(
                .protocolViolation,
                "the registry leads from HTTPS to plain HTTP at \(url.origin), which is refused\(hint)"
            )
        }
        guard visited.insert(url).inserted, visited.count <= Self.limit + 1 else {
            throw context.error(.protocolViolation, "the registry redirects in a circle or too often")
        }
        if url.origin.scheme == .https { isSecured = true }
        if url.origin != request.home { mayCarryCredentials = false }
    }
}
