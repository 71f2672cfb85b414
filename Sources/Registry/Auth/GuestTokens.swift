import Concurrency
import NIOHTTP1
import OCI
import Synchronization

/// Tokens for nobody in particular, from registries to which another one's redirects lead.
///
/// Vanity names stand before registries that give everybody a token for what is public. Credentials are never sent
/// there: they are for the registry that was asked.
final class GuestTokens: Sendable {
    /// Where something is asked for, and what.
    fileprivate struct Place: Hashable {
        let origin: Origin
        let scope: Scope
    }

    fileprivate struct Pass: Hashable {
        let service: TokenService
        let scopes: [String]
    }

    /// What clients that share connections have been given.
    final class Memory: Sendable {
        fileprivate let tokens = SingleFlight<Pass, Token>()
        fileprivate let passes = Mutex<[Place: Pass]>([:])
    }

    /// How many places are remembered: whoever serves others for months is led to ever new ones.
    private static let capacity = 4096

    private let fetcher: TokenFetcher
    private var memory: Memory { fetcher.memory.guests }

    init(_ fetcher: TokenFetcher) {
        self.fetcher = fetcher
    }

    /// A token for a place that has asked for one before.
    func token(for request: HTTPRequest, at url: HTTPURL) async throws -> Token? {
        guard let scope = request.scope,
            let pass = memory.passes.withLock({ $0[Place(origin: url.origin, scope: scope)] })
        else { return nil }
        return try await token(pass, request.context)
    }

    /// A token that the challenge of a refusal asks for.
    ///
    /// - Returns: `nil` when it asks for none, or nobody in particular is given one.
    func token(answering response: HTTPResponse, _ request: HTTPRequest, instead refused: Token?) async throws -> Token?
    {
        guard let scope = request.scope, let challenge = response.bearerChallenge else { return nil }
        let service = try await request.context.mapping { try TokenService(challenge, at: response.url) }
        let asked = challenge.parameters["scope"].map { Scope.entries(of: $0) } ?? []
        let pass = Pass(service: service, scopes: asked.isEmpty ? scope.parameters : asked)
        memory.tokens.forget(pass) { $0 == refused }
        guard let token = try await token(pass, request.context) else { return nil }
        memory.passes.withLock { passes in
            if passes.count >= Self.capacity { passes.removeAll() }
            passes[Place(origin: response.url.origin, scope: scope)] = pass
        }
        return token
    }

    private func token(_ pass: Pass, _ context: CallContext) async throws -> Token? {
        do {
            return try await memory.tokens.value(
                for: pass,
                context.step(.getToken),
                isGood: { fetcher.isGood($0) },
                fetch: { try await fetcher.token(pass.service, scopes: pass.scopes, credential: nil, context) }
            )
        } catch let error as RegistryError where error.status.map({ (400..<500).contains($0) }) == true {
            return nil
        }
    }
}
