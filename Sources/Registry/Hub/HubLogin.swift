import Concurrency
import FoundationEssentials
import NIOCore
import NIOHTTP1
import OCI

/// What Docker Hub's API is asked with: nothing, a token of ours, or one that a user's password was exchanged for.
final class HubLogin: Sendable {
    private let service: HostClient
    private let base: HTTPURL
    /// Kept for the client's life; the API says by a 401 that one has expired.
    private let tokens = SingleFlight<Credential, Secret>()
    private let passwords: RefusedPasswords

    init(_ service: HostClient, base: HTTPURL) {
        self.service = service
        self.base = base
        passwords = RefusedPasswords(service.retry.timer, timeouts: service.transport.timer)
    }

    /// The token for a credential.
    ///
    /// - Returns: `nil` for anonymous requests; a docker identity token is of no use here and counts as none.
    /// - Throws: ``RegistryError``, worth another try or not; `CancellationError`.
    func token(for credential: Credential?, _ context: CallContext) async throws -> Secret? {
        switch credential?.kind {
        case nil, .identity: return nil
        case .bearer(let token): return token
        case .basic(let user, let password):
            guard let credential, let header = credential.basicHeader else { return nil }
            let context = context.step(.getToken)
            let exchange = { try await self.exchange(user: user, password: password, credential, context) }
            return try await tokens.value(
                for: credential,
                context,
                isGood: { _ in true },
                fetch: {
                    try await passwords.presenting(
                        RefusedPasswords.Key(taker: .login, header: header),
                        context,
                        logIn: { _ = try await exchange() },
                        present: exchange
                    )
                }
            )
        }
    }

    /// Forgets a token that was refused.
    ///
    /// - Returns: whether another can be asked for.
    func forget(_ token: Secret?, of credential: Credential?) -> Bool {
        guard let token, let credential, case .basic = credential.kind else { return false }
        tokens.forget(credential) { $0 == token }
        return true
    }

    /// Docker Hub API, `POST /v2/auth/token`; before it was there, `POST /v2/users/login`.
    private func exchange(
        user: String,
        password: Secret,
        _ credential: Credential,
        _ context: CallContext
    ) async throws -> Secret {
        let form = ["identifier": user, "secret": password.revealed]
        var answer = try await post("v2/auth/token", form, credential, context, accepting: [200, 404])
        if answer.status == 404 {
            let form = ["username": user, "password": password.revealed]
            answer = try await post("v2/users/login", form, credential, context, accepting: [200])
        }
        let root = answer.isCut ? nil : try? JSONValue(parsing: answer.bytes)
        let text = ["access_token", "token"].lazy.compactMap { root?[$0]?.string }.first { !$0.isEmpty }
        guard let text, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw context.error(
                .protocolViolation,
                "Docker Hub's API answers a log-in without a token",
                status: answer.status
            )
        }
        return Secret(text)
    }

    private func post(
        _ path: String,
        _ form: [String: String],
        _ credential: Credential,
        _ context: CallContext,
        accepting accepted: Set<Int>
    ) async throws -> HTTPResponse {
        var request = HTTPRequest(context: context, method: .POST, target: .url(base.appending(path)))
        request.headers = ["Content-Type": "application/json", "Accept": "application/json"]
        request.body = .bytes(ByteBuffer(bytes: try JSONEncoder().encode(form)))
        request.accepted = accepted
        request.authorization.credential = credential
        return try await service.attempt(request)
    }
}

extension HTTPURL {
    /// An address below this one, whose path ends with a slash.
    func appending(_ path: String, query: String? = nil) -> HTTPURL {
        HTTPURL(origin: origin, path: self.path + path, query: query)
    }
}
