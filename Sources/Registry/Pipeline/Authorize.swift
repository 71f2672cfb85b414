import NIOHTTP1
import OCI

/// Answers a registry's challenges: once for not having known it, once for a token that has been refused, once for a
/// token that allows too little, and as often as the credentials turn out to be others by now.
///
/// Challenges of others, to whom a redirect or an upload's place has led, are answered by ``GuestTokens`` alone.
struct Authorize: HTTPHandler {
    /// How often one request goes out with credentials that have changed meanwhile: beside others of its kind it can be
    /// late again and again.
    private static let maximumRenewals = 8

    let next: any HTTPHandler
    let authorizer: Authorizer

    /// What has happened to one request so far.
    private struct Round {
        var refusal: HTTPResponse?
        var refusedTokens = 0
        var renewals = 0
        /// Set while a password is presented alone.
        var turn: RefusedPasswords.Turn?
    }

    func send(_ first: HTTPRequest) async throws -> HTTPResponse {
        guard let scope = first.scope else { return try await next.send(first) }
        var round = Round()
        while true {
            var request = first
            defer {
                round.turn?.end()
                round.turn = nil
            }
            do {
                request.authorization = try await authorization(for: scope, first, &round)
            } catch let error as RegistryError {
                // A token for more may not be had at all; then the registry's own refusal says more.
                guard let refusal = round.refusal, refusal.status == 403 else { throw error }
                authorizer.narrow(scope)
                return refusal
            }
            // Nothing to answer the challenge with: the refusal stands, unless somebody has logged in since.
            if var refusal = round.refusal, request.authorization.header == nil {
                let isAnonymous = request.authorization.credential == nil
                if isAnonymous, try await first.context.mapping({ try await renewed(nil, for: scope, &round) }) != nil {
                    continue
                }
                refusal.authorization = request.authorization
                return refusal
            }
            let response = try await next.send(request)
            guard try await goesOn(after: response, scope, first, &round) else { return response }
            round.refusal = response
        }
    }

    private func authorization(
        for scope: Scope,
        _ request: HTTPRequest,
        _ round: inout Round
    ) async throws -> Authorization {
        try await request.context.mapping {
            var credential = try await authorizer.credential(for: scope)
            while true {
                do {
                    let found = try await authorizer.authorization(for: scope, as: credential, request.context)
                    round.turn = try await authorizer.check(found, request.context) {
                        let base = try await askAtBase(request, scope, as: found)
                        guard RegistryError.isLasting(base.status) else { throw RegistryError(base, request.context) }
                        return base.status != 401 || !base.isHome
                    }
                    return found
                } catch let error as RegistryError where error.kind == .unauthorized {
                    // Whoever knows the credentials need not be asked for each request that is not sent.
                    let fresh = try await renewed(credential, for: scope, &round, isDenial: error.isUnsent)
                    guard let fresh else { throw error }
                    credential = fresh
                }
            }
        }
    }

    /// Other credentials than those that were refused, if there are any by now.
    private func renewed(
        _ refused: Credential?,
        for scope: Scope,
        _ round: inout Round,
        isDenial: Bool = false
    ) async throws -> Credential? {
        guard round.renewals < Self.maximumRenewals else { return nil }
        round.renewals += 1
        let credential = try await authorizer.credential(
            for: scope,
            refused: refused,
            isAnonymousRefused: refused == nil,
            isDenial: isDenial
        )
        return credential == refused ? nil : credential
    }

    /// Whether there is something else to send than what was refused.
    private func goesOn(
        after response: HTTPResponse,
        _ scope: Scope,
        _ request: HTTPRequest,
        _ round: inout Round
    ) async throws -> Bool {
        let used = response.authorization
        if !response.isHome || response.status != 401 && RegistryError.isLasting(response.status) {
            authorizer.heard(used)
        }
        guard response.isHome else { return false }
        switch response.status {
        case 401: return try await goesOn(afterChallenge: response, scope, request, &round)
        case 400 where round.refusedTokens == 0 && saysTokenExpired(response),
            403 where round.refusedTokens == 0 && saysTokenExpired(response):
            round.refusedTokens += 1
            return authorizer.forgets(used)
        case 403:
            if authorizer.widen(scope, response) { return true }
            authorizer.narrow(scope)
            if used.header == nil, try await asksBase(after: response, scope, request) { return true }
            guard used.header != nil || used.credential == nil else { return false }
            // So ECR calls a password that has run out.
            return try await request.context.mapping {
                try await renewed(used.presented, for: scope, &round, isDenial: true) != nil
            }
        case 404: return try await asksBase(after: response, scope, request)
        case 200..<300:
            authorizer.accepted(used)
            return false
        default: return false
        }
    }

    private func goesOn(
        afterChallenge response: HTTPResponse,
        _ scope: Scope,
        _ request: HTTPRequest,
        _ round: inout Round
    ) async throws -> Bool {
        let used = response.authorization
        if used.token != nil { round.refusedTokens += 1 }
        let isNew = try await request.context.mapping { try authorizer.learn(response, for: scope, used: used) }
        if isNew, round.refusedTokens < 2 { return true }
        // So some refuse a token that has expired.
        if used.token != nil, round.refusedTokens == 1, response.header("WWW-Authenticate") == nil {
            return authorizer.forgets(used)
        }
        if used.header == nil, try await asksBase(after: response, scope, request) { return true }
        guard used.header != nil || used.credential == nil else { return false }
        if try await request.context.mapping({ try await renewed(used.presented, for: scope, &round) }) != nil {
            return true
        }
        authorizer.refused(response, request.context)
        return false
    }

    /// Asks the registry at its base how it wants to be asked, when it refuses a request without a challenge, or hides what is
    /// there from anonymous ones and there are credentials that it has not seen.
    private func asksBase(
        after response: HTTPResponse,
        _ scope: Scope,
        _ request: HTTPRequest
    ) async throws -> Bool {
        let used = response.authorization
        guard used.credential != nil || response.status == 401, used.header == nil,
            response.header("WWW-Authenticate") == nil
        else { return false }
        let base = try await authorizer.base(request.context) { try await askAtBase(request, scope) }
        guard base.status == 401, base.isHome else { return false }
        return try await request.context.mapping { try authorizer.learn(base, for: scope, used: used) }
    }

    /// What the registry answers at its base, where people log in.
    private func askAtBase(
        _ request: HTTPRequest,
        _ scope: Scope,
        as authorization: Authorization = Authorization()
    ) async throws -> HTTPResponse {
        var question = HTTPRequest(context: request.context, method: .GET, target: .path(""))
        question.lane = request.lane
        question.scope = scope
        question.authorization = authorization
        return try await next.send(question)
    }

    /// Whether a token is refused that has expired, as public.ecr.aws says it: without a challenge.
    ///
    /// A 403 is the ordinary denial where it does not say so in words.
    private func saysTokenExpired(_ response: HTTPResponse) -> Bool {
        guard response.authorization.token != nil, let error = DistributionError.parse(response.bytes).first,
            let code = error.code, [.denied, .unauthorized].contains(code)
        else { return false }
        return response.status == 400 || error.message.lowercased().contains("expired")
    }
}
