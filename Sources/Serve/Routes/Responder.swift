import Cache
import Logging
import NIOCore
import OCI

/// Finds the answer to a request.
struct Responder: Sendable {
    let content: any ServedContent
    let hosts: KnownHosts
    let verified: VerifiedFiles
    let authenticator: Authenticator?
    let metrics: ServeMetrics
    let status: StatusSource
    let page: Page?
    let scope: Scope
    /// As in ``ServerConfiguration/pseudonym``.
    let pseudonym: String?
    let logger: Logger

    /// What a listener answers; health is told by all.
    enum Scope {
        case everything
        /// All but the metrics, which have a listener of their own.
        case content
        /// The metrics alone.
        case status
    }

    /// The same for a listener that tells the metrics alone, to everybody.
    var forStatus: Responder {
        Responder(
            content: content,
            hosts: hosts,
            verified: verified,
            authenticator: nil,
            metrics: metrics,
            status: status,
            page: nil,
            scope: .status,
            pseudonym: nil,
            logger: logger
        )
    }

    /// The answer where it needs no waiting: blobs that are in the cache, and what can be told without it.
    ///
    /// - Returns: `nil` when ``answer(to:of:)`` has to be asked.
    func answerAtOnce(to request: Request) -> Response? {
        switch admission(of: request) {
        case .refused(let response): return response
        case .pending: return nil
        case .admitted: break
        }
        guard let route = request.route, let target = request.target, serves(route) else { return Self.notFound }
        if let refusal = refusal(of: request.head, route) { return refusal }
        switch route {
        case .ping: return Self.ping
        case .health: return Response(200, json: "{\"status\":\"ok\"}\n")
        case .blob(let name, let digest): return blobAtHand(request.head, target, name, digest)
        default: return nil
        }
    }

    /// The answer, whatever it takes.
    func answer(to request: Request, of client: ServedClient) async -> Response {
        if let authenticator, request.route?.isOpen != true {
            switch await authenticator.admits(request.head.fields.authorization, from: client) {
            case .admitted: break
            case .refused: return Self.unauthorized
            }
        }
        guard let route = request.route, let target = request.target, serves(route) else { return Self.notFound }
        if let refusal = refusal(of: request.head, route) { return refusal }
        do {
            return try await answer(request.head, route, target, client)
        } catch {
            return failure(error)
        }
    }

    private func answer(
        _ request: RequestHead,
        _ route: Route,
        _ target: RequestTarget,
        _ client: ServedClient
    ) async throws -> Response {
        switch route {
        case .ping: return Self.ping
        case .health: return Response(200, json: "{\"status\":\"ok\"}\n")
        case .readiness: return await readiness()
        case .metrics:
            return Response(
                200,
                [("Content-Type", ServeMetrics.contentType)],
                json: metrics.text(await status.gauges())
            )
        case .page: return try await page?.answer(to: request, target) ?? Self.notFound
        case .catalog: return try await catalog(target)
        case .uploads: return Response(404, .blobUploadUnknown, "nothing can be uploaded here")
        case .tags(let name):
            return try await within(name, target) { try await tags(of: $0, target) }
        case .manifest(let name, let reference):
            return try await within(name, target) { try await manifest(reference, of: $0, request) }
        case .blob(let name, let digest):
            return try await within(name, target) { try await blob(digest, of: $0, request, client) }
        case .referrers(let name, let digest):
            return try await within(name, target) { try await referrers(of: digest, in: $0, target) }
        }
    }

    private enum Admission {
        case admitted
        case refused(Response)
        case pending
    }

    private func admission(of request: Request) -> Admission {
        guard let authenticator, request.route?.isOpen != true else { return .admitted }
        switch authenticator.admitsAtOnce(request.head.fields.authorization) {
        case true?: return .admitted
        case false?: return .refused(Self.unauthorized)
        case nil: return .pending
        }
    }

    private func serves(_ route: Route) -> Bool {
        switch route {
        case .health, .readiness: true
        case .metrics: scope != .content
        default: scope != .status
        }
    }

    private func refusal(of request: RequestHead, _ route: Route) -> Response? {
        if let pseudonym, request.fields.via?.contains(pseudonym) == true { return Self.loop }
        // What no path can lead to is wrong for every method: the conformance suite pushes to such a digest.
        if case .manifest(_, let text) = route, let refusal = Self.digestRefusal(text) { return refusal }
        guard case .other = request.method else {
            return request.fields.expect.flatMap { $0.lowercased() == "100-continue" ? nil : Self.unexpected }
        }
        return Response(
            405,
            .unsupported,
            "this registry is read-only: it answers GET and HEAD",
            [("Allow", "GET, HEAD")]
        )
    }

    private func readiness() async -> Response {
        guard let problem = await status.readiness() else { return Response(200, json: "{\"status\":\"ready\"}\n") }
        logger.warning("not ready", metadata: ["reason": "\(problem)"])
        return Response(503, json: "{\"status\":\"not ready\"}\n")
    }
}

extension Responder {
    static let ping = Response(200, [("Docker-Distribution-API-Version", "registry/2.0")], json: "{}")
    static let notFound = Response(404, .nameUnknown, "there is nothing at this path")
    static let loop = Response(
        508,
        .unknown,
        "this server is its own upstream: a mirror or a registry of its configuration leads back to it"
    )
    static let unexpected = Response(417, .unsupported, "only '100-continue' can be expected")
    static let unauthorized = Response(
        401,
        .unauthorized,
        "a user name and a password are required",
        [
            ("WWW-Authenticate", "Basic realm=\"imglife\", charset=\"UTF-8\""),
            ("Docker-Distribution-API-Version", "registry/2.0"),
        ]
    )

    /// Runs a route within the repository that a name leads to.
    func within(
        _ name: [String],
        _ target: RequestTarget,
        _ body: (Address) async throws -> Response
    ) async throws -> Response {
        let address: Address
        do {
            address = try await self.address(name, target)
        } catch let error as AddressError {
            return Self.answer(to: error)
        }
        var response = try await body(address)
        if let namespace = address.namespace { response.fields.append(("OCI-Namespace", namespace)) }
        return response
    }

    private func address(_ name: [String], _ target: RequestTarget) async throws -> Address {
        if target["ns"] == nil, Addressing(hosts: hosts.hosts).doubts(name) { try await hosts.refresh(from: content) }
        do throws(AddressError) {
            return try hosts.address(name, namespace: target["ns"])
        } catch {
            guard case .unknownHost = error else { throw error }
            try await hosts.refresh(from: content)
            return try hosts.address(name, namespace: target["ns"])
        }
    }

    static func answer(to error: AddressError) -> Response {
        switch error {
        case .invalidName(let name):
            Response(400, .nameInvalid, "'\(name.displaySafe)' is not the name of a repository")
        case .unknownHost(let host):
            Response(
                404,
                .nameUnknown,
                "the registry '\(host.displaySafe)' is not served here; it is neither in the configuration nor in the cache"
            )
        }
    }

    /// What went wrong is no statement about whether something exists.
    private func failure(_ error: any Error) -> Response {
        let known: ServeError
        switch error {
        case let error as ServeError: known = error
        case let error as CacheError:
            logger.error("the cache could not be read", metadata: ["error": "\(error)"])
            known = ServeError(.cacheUnavailable, "the cache cannot be read now")
        default:
            if !(error is CancellationError) {
                logger.error("a request could not be answered", metadata: ["error": "\("\(error)".displaySafe)"])
            }
            known = ServeError(.cacheUnavailable, "the answer could not be made")
        }
        var fields: [(name: StaticString, value: String)] = []
        let wait = known.retryAfter ?? (known.kind == .upstreamRateLimited ? 60 : nil)
        if let wait { fields.append(("Retry-After", "\(wait)")) }
        return Response(known.status, known.code, known.description, fields)
    }
}
