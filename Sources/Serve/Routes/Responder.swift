import Cache
import Logging
import NIOCore
import OCI

/// Finds the answer to a request.
struct Responder: Sendable {
    let content: any ServedContent
    let hosts: KnownHosts
    let blobs: BlobAnswers
    private let bodies = SharedBodies()
    var authenticator: Authenticator?
    let metrics: ServeMetrics
    let status: StatusSource
    var page: (any FrontPage)?
    var scope: Scope
    /// As in ``ServerConfiguration/pseudonym``.
    var pseudonym: String?
    let logger: Logger

    /// What a listener answers; health is told by all.
    enum Scope {
        case everything
        /// All but the metrics, which have a listener of their own.
        case content
        /// The metrics alone.
        case status
    }

    init(
        _ configuration: ServerConfiguration,
        _ content: any ServedContent,
        _ verified: VerifiedFiles,
        _ authenticator: Authenticator?,
        _ metrics: ServeMetrics,
        _ status: StatusSource,
        _ page: (any FrontPage)?
    ) {
        let hosts = KnownHosts(configuration.hosts)
        self.content = content
        self.hosts = hosts
        blobs = BlobAnswers(content: content, hosts: hosts, verified: verified, metrics: metrics)
        self.authenticator = authenticator
        self.metrics = metrics
        self.status = status
        self.page = page
        scope = configuration.metricsListen == nil ? .everything : .content
        pseudonym = configuration.pseudonym
        logger = configuration.logger
    }

    /// The same for a listener that tells the metrics alone, to everybody.
    var forStatus: Responder {
        var responder = self
        responder.authenticator = nil
        responder.page = nil
        responder.scope = .status
        responder.pseudonym = nil
        return responder
    }

    /// What an event loop can tell of an answer.
    enum Beginning {
        case answer(Response)
        /// ``answer(to:isAdmitted:of:)`` has to be asked.
        case wait(isAdmitted: Bool)
    }

    /// The answer where it needs no waiting: blobs that are in the cache, and what can be told without it.
    func begin(_ request: Request) -> Beginning {
        if let authenticator, request.route?.isOpen != true {
            switch authenticator.admitsAtOnce(request.head.fields.authorization) {
            case true?: break
            case false?: return .answer(.unauthorized)
            case nil: return .wait(isAdmitted: false)
            }
        }
        if let refusal = refusal(of: request) { return .answer(refusal) }
        switch (request.route, request.target) {
        case (.ping, _): return .answer(.ping)
        case (.health, _): return .answer(Response(200, json: "{\"status\":\"ok\"}\n"))
        case (.blob(let name, let digest), let target?):
            return blobs.atHand(request.head, target, name, digest).map(Beginning.answer) ?? .wait(isAdmitted: true)
        default: return .wait(isAdmitted: true)
        }
    }

    /// The answer, whatever it takes.
    ///
    /// - Parameters:
    ///   - request: what is asked.
    ///   - isAdmitted: what ``begin(_:)`` has told.
    ///   - client: who asks.
    /// - Returns: what is sent.
    func answer(to request: Request, isAdmitted: Bool, of client: ServedClient) async -> Response {
        if !isAdmitted {
            guard await authenticator?.admits(request.head.fields.authorization, from: client) ?? true else {
                return .unauthorized
            }
            if let refusal = refusal(of: request) { return refusal }
        }
        guard let route = request.route, let target = request.target else { return .notFound }
        do {
            var response = try await answer(request.head, route, target, client)
            if case .bytes(let body) = response.body { response.body = .bytes(bodies.shared(body)) }
            return response
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
        case .ping: return .ping
        case .health: return Response(200, json: "{\"status\":\"ok\"}\n")
        case .readiness: return await readiness()
        case .metrics:
            return Response(
                200,
                [("Content-Type", ServeMetrics.contentType)],
                json: metrics.text(await status.gauges())
            )
        case .page:
            guard let page else { return .notFound }
            return Response(
                try await page.document(for: target.query, from: request.fields.host),
                policy: page.policy
            )
        case .catalog: return try await lists(for: request).catalog(target)
        case .uploads: return Response(404, .blobUploadUnknown, "nothing can be uploaded here")
        case .tags(let name):
            return try await within(name, target) { try await lists(for: request).tags(of: $0, target) }
        case .manifest(let name, let reference):
            return try await within(name, target) {
                try await ManifestAnswers(content: content).manifest(reference, of: $0, request)
            }
        case .blob(let name, let digest):
            return try await within(name, target) { try await blobs.blob(digest, of: $0, request, client) }
        case .referrers(let name, let digest):
            return try await within(name, target) {
                try await ReferrerAnswers(content: content, prefix: request.fields.forwardedPrefix)
                    .referrers(of: digest, in: $0, target)
            }
        }
    }

    private func lists(for request: RequestHead) -> ListAnswers {
        ListAnswers(content: content, hosts: hosts, prefix: request.fields.forwardedPrefix)
    }

    /// Why a request is refused whatever there is.
    private func refusal(of request: Request) -> Response? {
        guard let route = request.route, serves(route) else { return .notFound }
        let head = request.head
        if let pseudonym, head.fields.via?.contains(pseudonym) == true { return .loop }
        // What no path can lead to is wrong for every method: the conformance suite pushes to such a digest.
        if case .manifest(_, let text) = route, text.contains(":"), (try? Digest(text)) == nil {
            return .invalidDigest(text)
        }
        guard case .other = head.method else {
            return head.fields.expect.flatMap { $0.lowercased() == "100-continue" ? nil : .unexpected }
        }
        return .readOnly
    }

    private func serves(_ route: Route) -> Bool {
        switch route {
        case .health, .readiness: true
        case .metrics: scope != .content
        default: scope != .status
        }
    }

    private func readiness() async -> Response {
        guard let problem = await status.readiness() else { return Response(200, json: "{\"status\":\"ready\"}\n") }
        logger.warning("not ready", metadata: ["reason": "\(problem)"])
        return Response(503, json: "{\"status\":\"not ready\"}\n")
    }

    /// Runs a route within the repository that a name leads to.
    private func within(
        _ name: [String],
        _ target: RequestTarget,
        _ body: (Address) async throws -> Response
    ) async throws -> Response {
        let address: Address
        do {
            address = try await hosts.address(name, namespace: target["ns"], askingAlso: content)
        } catch let error as AddressError {
            return Response(error)
        }
        var response = try await body(address)
        if let namespace = address.namespace { response.fields.append(("OCI-Namespace", namespace)) }
        return response
    }

    /// Tells why an answer that was begun is shorter than it said: its client cannot be told.
    func tell(ofBroken request: Request, _ error: any Error) {
        let path = request.head.target.prefix { $0 != "?" }
        let metadata: Logger.Metadata = ["path": "\(path.displaySafe)", "error": "\("\(error)".displaySafe)"]
        logger.warning("an answer breaks off", metadata: metadata)
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
