import OCI
import Registry
import TestSupport
import Testing

/// Refusals that do not say how the registry wants to be asked.
@Suite(.timeLimit(.minutes(10)))
struct BareRefusalTests {
    private let image = SampleImage.image()

    /// Has a registry leave the challenge out of what it answers to anonymous questions about manifests.
    private func silence(_ registry: ScriptedRegistry, _ method: String?) {
        let match = RequestMatch(method, .manifests, times: nil, authorizedOnly: false) {
            $0.headers["authorization"] == nil
        }
        registry.script(match, .status(401))
    }

    private func with(
        _ issuer: TokenIssuer,
        _ body: (ScriptedRegistry, RegistryClient) async throws -> Void
    ) async throws {
        try await ScriptedRegistry.with(authentication: .bearer(issuer)) { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            try await withClient { try await body(registry, $0) }
        }
    }

    @Test("A token that is refused without a challenge is replaced, once", arguments: [true, false])
    func expiredToken(isGoodAgain: Bool) async throws {
        let issuer = TokenIssuer()
        try await with(issuer) { registry, client async throws in
            let source = client.pull(registry)
            #expect(try await source.manifest(.tag("v1")) != nil)
            let times = isGoodAgain ? 1 : nil
            registry.script(RequestMatch("GET", .manifests, times: times), .status(401))
            registry.forgetRequests()
            if isGoodAgain {
                #expect(try await source.manifest(.tag("v1")) != nil)
            } else {
                await #expect(throws: RegistryError.self) { _ = try await source.manifest(.tag("v1")) }
            }
            #expect(registry.requests.count { $0.path.contains("/manifests/") } == 2)
            #expect(issuer.issuedTokens.count == 2)
        }
    }

    @Test("Who is refused without a challenge asks the registry's base for one, without credentials too")
    func challengeAtBase() async throws {
        try await with(TokenIssuer()) { registry, client async throws in
            silence(registry, nil)
            for _ in 1...2 { #expect(try await client.pull(registry).manifest(.tag("v1")) != nil) }
            #expect(registry.requests.count { $0.path == "/v2/" } == 1)
        }
    }

    @Test("Where HEAD is refused without a challenge GET is asked, which may have one")
    func challengeOfGET() async throws {
        try await with(TokenIssuer()) { registry, client async throws in
            silence(registry, "HEAD")
            registry.script(RequestMatch("GET", .exactly("/v2/"), times: nil, authorizedOnly: false), .status(200))
            #expect(try await client.pull(registry).resolve(.tag("v1"))?.digest == image.digest)
        }
    }
}
