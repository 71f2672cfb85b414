import OCI
import Registry
import TestSupport
import Testing

/// Registries that want to be asked otherwise than before, while one client lives.
@Suite(.timeLimit(.minutes(2)))
struct ChangedChallengeTests {
    private let image = SampleImage.image()

    /// Hands over a registry whose token service has gone where `isGone`, and else refuses all, after it had challenged.
    private func challenged(
        by service: ScriptedRegistry,
        _ body: (ScriptedRegistry, RegistryClient, TestClock) async throws -> Void
    ) async throws {
        try await ScriptedRegistry.with { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            let challenge: HeaderList = ["WWW-Authenticate": #"Bearer realm="\#(service.url)/token",service="s""#]
            registry.script(RequestMatch(times: 2), .status(401, headers: challenge))
            service.script(RequestMatch("GET", .token, times: nil), .status(404))
            let clock = TestClock()
            try await withClient(retry: RetryPolicy(attempts: 1), clock: clock) { client async throws in
                try await body(registry, client, clock)
            }
        }
    }

    @Test("A service that gives no token is believed for some seconds, and then the registry is asked again")
    func dropped() async throws {
        try await ScriptedRegistry.with { service in
            try await challenged(by: service) { registry, client, clock async throws in
                let pull = client.pull(registry)
                await #expect(throws: RegistryError.self) { try await pull.resolve(.tag("v1")) }
                let count = registry.requests.count
                // What is known is not asked again.
                await #expect(throws: RegistryError.self) { try await pull.resolve(.tag("v1")) }
                #expect(registry.requests.count == count)
                clock.advance(by: .seconds(11))
                // Told once more by the service alone; then the registry is heard, which challenges anew.
                for _ in 0..<2 { await #expect(throws: RegistryError.self) { try await pull.resolve(.tag("v1")) } }
                #expect(registry.requests.count == count + 1)
                clock.advance(by: .seconds(11))
                await #expect(throws: RegistryError.self) { try await pull.resolve(.tag("v1")) }
                // It does without tokens by now.
                #expect(try await pull.resolve(.tag("v1")) == image.top)
            }
        }
    }

    @Test("A token's roles that were refused are tried again after a while")
    func roles() async throws {
        let issuer = TokenIssuer(accounts: ["token": "t0ken"])
        issuer.rules.anonymousActions = []
        try await ScriptedRegistry.with(authentication: .bearer(issuer)) { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            // As a password and as a refresh token.
            registry.script(RequestMatch(nil, .token, times: 2), .status(403))
            let clock = TestClock()
            let credentials = [registry.host.variablePrefix + "_TOKEN": "t0ken"]
            try await withClient(credentials: credentials, clock: clock) { client async throws in
                let pull = client.pull(registry)
                for _ in 0..<3 { await #expect(throws: RegistryError.self) { try await pull.resolve(.tag("v1")) } }
                #expect(registry.requests.count { $0.path == "/token" } == 2)
                clock.advance(by: .seconds(31))
                #expect(try await pull.resolve(.tag("v1")) == image.top)
            }
        }
    }

    @Test("A registry that was open is asked at its base again after some seconds, and no more often")
    func asksOpenBaseAgain() async throws {
        let clock = TestClock()
        try await ScriptedRegistry.with { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            let credentials = registry.host.passwordVariables("ci", "p4ss")
            try await withClient(credentials: credentials, clock: clock) { client async throws in
                let pull = client.pull(registry)
                for _ in 0..<3 { #expect(try await pull.resolve(.tag("none")) == nil) }
                #expect(registry.requests.count { $0.path == "/v2/" } == 1)
                registry.authentication = .basic(username: "ci", password: "p4ss")
                registry.script(
                    RequestMatch(nil, .containing("/app/"), times: nil, authorizedOnly: false) {
                        $0.headers["authorization"] == nil
                    },
                    .error(404, "NAME_UNKNOWN")
                )
                #expect(try await pull.resolve(.tag("v1")) == nil)
                clock.advance(by: .seconds(6))
                #expect(try await pull.resolve(.tag("v1")) == image.top)
            }
            #expect(registry.requests.count { $0.path == "/v2/" } == 2)
        }
    }
}
