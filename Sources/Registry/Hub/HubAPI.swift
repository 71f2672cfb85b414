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
    let service: HostClient
    private let login: HubLogin
    private let credentials: CredentialStore
    /// Why the API cannot be reached at all: what the tries of one listing found out, the next need not repeat.
    private let outage = Mutex<RegistryError?>(nil)

    init(_ base: HTTPURL, service: HostClient, credentials: CredentialStore) {
        self.base = base
        self.service = service
        self.credentials = credentials
        logger = service.retry.logger
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
        return try HTTPURL(text, as: "hub_api", of: host)
    }

    /// One page.
    ///
    /// - Returns: `nil` when it is not there.
    /// - Throws: ``RegistryError``, `CancellationError`.
    func page(at url: HTTPURL, _ context: CallContext) async throws -> HubPage? {
        if let outage = outage.withLock(\.self) { throw context.sharing(outage) }
        do {
            let credential = try await self.credential(context)
            do {
                return try await ask(url, as: credential, context)
            } catch let error as RegistryError where error.kind == .unauthorized {
                let fresh = try await self.credential(context, refused: credential, isDenial: error.isUnsent)
                guard let fresh, fresh != credential else { throw error }
                return try await ask(url, as: fresh, context)
            }
        } catch let error as RegistryError {
            if error.isOutage, error.status == nil { outage.withLock { $0 = error } }
            throw error
        }
    }

    private func credential(
        _ context: CallContext,
        refused: Credential? = nil,
        isDenial: Bool = false
    ) async throws -> Credential? {
        try await context.mapping {
            try await credentials.credential(for: context.location, refused: refused, isDenial: isDenial)
        }
    }

    /// Asks with a token, and once more with another when the first has expired.
    private func ask(_ url: HTTPURL, as credential: Credential?, _ context: CallContext) async throws -> HubPage? {
        var request = HTTPRequest(context: context, method: .GET, target: .url(url))
        request.headers = ["Accept": "application/json"]
        request.limit = 16 << 20
        request.accepted = [200, 404]
        return try await service.retry.run(context) { [request] in
            let token = try await login.token(for: credential, context)
            let response: HTTPResponse
            do {
                response = try await service.attempt(request.with(token, of: credential))
            } catch let error as RegistryError where error.status == 401 && login.forget(token, of: credential) {
                let token = try await login.token(for: credential, context)
                response = try await service.attempt(request.with(token, of: credential))
            }
            return response.status == 404 ? nil : try HubPage(response, context)
        }
    }
}

extension HTTPRequest {
    fileprivate func with(_ token: Secret?, of credential: Credential?) -> HTTPRequest {
        var request = self
        request.authorization.header = token.map { Secret("Bearer \($0.revealed)") }
        request.authorization.credential = token == nil ? nil : credential
        return request
    }
}
