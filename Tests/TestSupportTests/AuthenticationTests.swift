import NIOCore
import OCI
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct AuthenticationTests {
    private func token(_ client: RawClient, _ scope: String, _ user: String? = nil) async throws -> String {
        var client = client
        client.credentials = user
        let answer = try await client.get("/token?service=scripted&scope=\(scope)")
        #expect(answer.status == 200)
        return String(answer.text.dropFirst(#"{"token":""#.count).prefix { $0 != "\"" })
    }

    @Test("Basic credentials are asked for and checked")
    func basic() async throws {
        try await ScriptedRegistry.with(authentication: .basic(username: "me", password: "pw")) {
            registry async throws in
            let refused = try await RawClient(registry.host).get("/v2/")
            #expect(refused.status == 401)
            #expect(refused.headers["www-authenticate"] == #"Basic realm="scripted""#)
            #expect(try await RawClient(registry.host, credentials: "me:no").get("/v2/").status == 401)
            #expect(try await RawClient(registry.host, credentials: "me:pw").get("/v2/").status == 200)
        }
    }

    @Test("A token is good for its scopes, until it has expired")
    func bearer() async throws {
        let issuer = TokenIssuer(accounts: ["me": "pw"])
        try await ScriptedRegistry.with(authentication: .bearer(issuer)) { registry async throws in
            registry.store.tag("x", Digest.of(ByteBuffer()), in: "a")
            let client = RawClient(registry.host)
            let refused = try await client.get("/v2/a/tags/list")
            let challenge = try #require(refused.headers["www-authenticate"])
            #expect(refused.status == 401)
            #expect(
                challenge
                    == "Bearer realm=\"\(registry.url)/token\",service=\"scripted\",scope=\"repository:a:pull\""
            )
            let pull = try await token(client, "repository:a:pull")
            let header: HeaderList = ["Authorization": "Bearer \(pull)"]
            #expect(try await client.get("/v2/a/tags/list", header).status == 200)
            let push = try await client.request("POST", "/v2/a/blobs/uploads/", header)
            #expect(push.headers["www-authenticate"]?.contains("insufficient_scope") == true)
            issuer.expireAllTokens()
            let expired = try await client.get("/v2/a/tags/list", header)
            #expect(expired.headers["www-authenticate"]?.contains("invalid_token") == true)
        }
    }

    @Test("Pushing takes an account, and a token ends after its uses")
    func accounts() async throws {
        let issuer = TokenIssuer(accounts: ["me": "pw"])
        issuer.rules.usesPerToken = 1
        try await ScriptedRegistry.with(authentication: .bearer(issuer)) { registry async throws in
            let client = RawClient(registry.host)
            for (user, status) in [(nil, 401), ("me:pw", 202)] as [(String?, Int)] {
                let bearer = try await token(client, "repository:a:pull,push", user)
                let header: HeaderList = ["Authorization": "Bearer \(bearer)"]
                #expect(try await client.request("POST", "/v2/a/blobs/uploads/", header).status == status)
                #expect(try await client.request("POST", "/v2/a/blobs/uploads/", header).status == 401)
            }
            let wrong = RawClient(registry.host, credentials: "me:no")
            #expect(try await wrong.get("/token?scope=repository:a:pull").status == 401)
        }
    }

    @Test("A refresh token gets a token by POST at another origin")
    func refreshToken() async throws {
        let issuer = TokenIssuer()
        issuer.rules.refreshTokens = ["ident": "me"]
        var configuration = ScriptedRegistry.Configuration()
        configuration.tokenIssuer = issuer
        try await ScriptedRegistry.with(configuration) { service async throws in
            let realm = service.url + "/token"
            try await ScriptedRegistry.with(authentication: .bearer(issuer, realm: realm)) { registry async throws in
                let challenge = try await RawClient(registry.host).get("/v2/").headers["www-authenticate"]
                #expect(challenge?.contains("realm=\"\(realm)\"") == true)
                let form = "grant_type=refresh_token&refresh_token=ident&scope=repository%3Aa%3Apull%2Cpush"
                let body = ByteSource(ByteBuffer(string: form))
                let answer = try await RawClient(service.host).request("POST", "/token", body: body)
                #expect(answer.status == 200)
                let token = try #require(issuer.issuedTokens.last)
                #expect(answer.text.contains(token))
                let header: HeaderList = ["Authorization": "Bearer \(token)"]
                let opened = try await RawClient(registry.host).request("POST", "/v2/a/blobs/uploads/", header)
                #expect(opened.status == 202)
                #expect(service.transcriptContains("ident"))
            }
        }
    }
}
