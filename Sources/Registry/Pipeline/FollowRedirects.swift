import NIOHTTP1
import OCI

/// Follows redirects, and sends credentials to the service's own origin only.
///
/// They do not come back once a redirect has led away from it. HTTPS never leads to HTTP. A request with a body follows
/// within its origin only, unless what it sends is content.
struct FollowRedirects: HTTPHandler {
    /// How far requests may be led.
    enum Freedom {
        /// Not to other origins: where a token service sends clients is where attackers send them.
        case none
        /// To other origins, when they only read.
        case reading
        /// To other origins, with what they send: a registry's requests bring content, and no secrets.
        case full
    }

    let next: any HTTPHandler
    var freedom = Freedom.reading
    /// For those to whom a redirect leads, and who want to know who asks.
    var guests: GuestTokens?
    /// Who of those to whom a redirect leads wants no requests for a time.
    var pauses: HostPauses?

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
            var response = try await way.mayCarryCredentials ? next.send(request) : sendAsGuest(request, to: url)
            response.home = first.home
            // What was presented decides what an error says, and what it must not repeat.
            let guest = response.authorization.guest
            response.authorization = first.authorization
            response.authorization.guest = guest
            guard let target = try way.target(of: response, freedom) else { return response }
            url = target
        }
    }

    /// Asks somebody else without credentials, once more when a token for everybody is to be had.
    private func sendAsGuest(_ request: HTTPRequest, to url: HTTPURL) async throws -> HTTPResponse {
        guard let pauses else { return try await ask(request, at: url) }
        return try await pauses.passing(request, at: url.origin) { try await ask(request, at: url) }
    }

    private func ask(_ request: HTTPRequest, at url: HTTPURL) async throws -> HTTPResponse {
        guard let guests else { return try await next.send(request) }
        var token = try await guests.token(for: request, at: url)
        var response = try await send(request, with: token)
        guard response.status == 401 else { return response }
        token = try await guests.token(answering: response, request, instead: token)
        if token != nil { response = try await send(request, with: token) }
        return response
    }

    private func send(_ request: HTTPRequest, with guest: Token?) async throws -> HTTPResponse {
        var request = request
        if let guest { request.headers.replaceOrAdd(name: "Authorization", value: "Bearer \(guest.secret.revealed)") }
        var response = try await next.send(request)
        response.authorization.guest = guest
        return response
    }
}

/// Where the redirects of one request have led.
private struct Way {
    private static let limit = 10

    private let request: HTTPRequest
    private(set) var mayCarryCredentials = true
    private var visited: [HTTPURL] = []
    /// Whether the way has led over HTTPS: from there it may not lead back to HTTP.
    private var isSecured: Bool

    init(_ request: HTTPRequest) {
        self.request = request
        isSecured = request.home?.origin.scheme == .https
    }

    private var context: CallContext { request.context }

    /// - Returns: where to go on; `nil` when the response is no redirect.
    mutating func target(
        of response: HTTPResponse,
        _ freedom: FollowRedirects.Freedom
    ) throws(RegistryError) -> HTTPURL? {
        guard [301, 302, 303, 307, 308].contains(response.status), let text = response.header("Location") else {
            return nil
        }
        guard let target = response.address(text) else {
            let place = text.withoutQuery
            throw context.error(.protocolViolation, "the registry redirects to a place that cannot be used: '\(place)'")
        }
        let isSameOrigin = target.origin == response.url.origin
        guard isSameOrigin || freedom != .none else {
            throw context.error(.protocolViolation, "the token service redirects to another place, which is refused")
        }
        let isReading = request.method == .GET || request.method == .HEAD
        let isFree = isSameOrigin || freedom == .full || response.status >= 307 && request.body.isEmpty
        guard isReading || isFree && response.status != 303 && freedom != .none else {
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
                url.origin.host == request.home?.origin.host
                ? "; a proxy in front of it may have to set X-Forwarded-Proto" : ""
            throw context.error(
                .protocolViolation,
                "the registry leads from HTTPS to plain HTTP at \(url.origin), which is refused\(hint)"
            )
        }
        // The same address may answer otherwise the next time: some send back to it for a cookie, or until they are ready.
        guard visited.count <= Self.limit else {
            let isCircle = visited.contains(url)
            throw context.error(
                .protocolViolation,
                isCircle ? "the registry redirects in a circle" : "the registry redirects more than \(Self.limit) times"
            )
        }
        visited.append(url)
        if url.origin.scheme == .https { isSecured = true }
        if url.origin != request.home?.origin { mayCarryCredentials = false }
    }
}
