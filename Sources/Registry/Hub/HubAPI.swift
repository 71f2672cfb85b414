import Logging
import NIOHTTP1
import OCI
import Synchronization

/// Docker Hub's own API for one registry host: names, dates and digests of tags together.
final class HubAPI: Sendable {
    /// Where Docker Hub answers when nothing else is configured.
    static let publicBase = "https://hub.docker.com"

    let base: HTTPURL
    let logger: Logger
    private let service: WebService
    private let login: HubLogin
    private let credentials: CredentialStore
    /// Why the API cannot be reached at all: what the tries of one listing found out, the next need not repeat.
    private let outage = Mutex<RegistryError?>(nil)

    init(_ base: HTTPURL, service: WebService, credentials: CredentialStore) {
        self.base = base
        self.service = service
        self.credentials = credentials
        logger = service.retrier.logger
        login = HubLogin(service, base: base)
    }

    /// The address of the API for a host.
    ///
    /// Docker Hub has one by default. Where `endpoint` leads to something else in its place, what the public API lists
    /// is not what that place holds; then only an API that is configured too is asked.
    ///
    /// - Returns: `nil` when the host has none; its path ends with a slash.
    static func base(of host: RegistryHost, settings: HostSettings?) throws(RegistryConfigurationError) -> HTTPURL? {
        let isPublic = host == .dockerHub && settings?.endpoint == nil
        guard let text = settings?.hubAPI ?? (isPublic ? publicBase : nil) else { return nil }
        guard let address = HTTPURL(text), address.query == nil else {
            throw RegistryConfigurationError(
                host: host,
                reason: "'hub_api' must be an http or https URL without user, query and fragment"
            )
        }
        let path = address.path.hasSuffix("/") ? address.path : address.path + "/"
        return HTTPURL(origin: address.origin, path: path)
    }

    /// One page.
    ///
    /// - Returns: `nil` when it is not there.
    /// - Throws: ``RegistryError``, `CancellationError`.
    func page(at address: HTTPURL, _ context: CallContext) async throws -> HubPage? {
        if let outage = outage.withLock(\.self) { throw outage }
        do {
            let credential = try await context.mapping { try await credentials.credential(for: context.location) }
            var question = Self.question(address, context)
            let token = try await login.token(for: credential, context)
            question.authorize(token, credential)
            do {
                return try await ask(question)
            } catch let error as RegistryError where error.status == 401 && login.forget(token, of: credential) {
                question.authorize(try await login.token(for: credential, context), credential)
                return try await ask(question)
            }
        } catch let error as RegistryError {
            if error.isOutage { outage.withLock { $0 = error } }
            throw error
        }
    }

    private func ask(_ question: WebService.Question) async throws -> HubPage? {
        try await service.retrier.run(question.context) {
            let answer = try await service.attempt(question, accepting: [200, 404])
            return answer.status == 404 ? nil : try HubPage(answer, question.context)
        }
    }

    private static func question(_ address: HTTPURL, _ context: CallContext) -> WebService.Question {
        let headers: HTTPHeaders = ["Accept": "application/json"]
        let request = WireRequest(method: .GET, address: address, headers: headers, lane: .read)
        return WebService.Question(request: request, context: context, limit: 16 << 20)
    }
}

extension RegistryError {
    fileprivate var isOutage: Bool {
        switch kind {
        case .connection, .timeout: true
        default: false
        }
    }
}

extension WebService.Question {
    fileprivate mutating func authorize(_ token: Secret?, _ credential: Credential?) {
        authorization = token.map { Secret("Bearer \($0.revealed)") }
        self.credential = token == nil ? nil : credential
    }
}
