import OCI
import Registry
import TestSupport
import Testing

/// What `IMGLIFE_<HOST>_TOKEN` is good for, where one repository is refused and others are not.
@Suite(.timeLimit(.minutes(10)))
struct TokenRoleTests {
    private let image = SampleImage.image()

    private func asking(of name: String) -> @Sendable (RecordedRequest) -> Bool {
        { request in
            request.query.all("scope").contains { $0.contains(":\(name):") } || request.path.contains("/\(name)/")
        }
    }

    /// A registry with two repositories, of which one is refused, and one client with a token for both.
    private func withHost(
        _ authentication: Authentication,
        _ script: (ScriptedRegistry) -> Void,
        _ body: @Sendable (RegistryClient, ScriptedRegistry) async throws -> Void
    ) async throws {
        try await ScriptedRegistry.with(authentication: authentication) { registry in
            for name in ["library/app", "library/closed"] as [RepositoryName] {
                registry.load(image, repository: name, tag: "v1")
            }
            script(registry)
            try await withClient(credentials: [registry.host.variablePrefix + "_TOKEN": "t0ken"]) { client in
                try await body(client, registry)
            }
        }
    }

    @Test("A token that may not see one repository is good for the others", arguments: [401, 403, 404], [true, false])
    func oneIsRefused(status: Int, isFirst: Bool) async throws {
        let issuer = TokenIssuer(accounts: ["token": "t0ken"])
        issuer.rules.anonymousActions = []
        try await withHost(.bearer(issuer)) { registry in
            registry.script(
                RequestMatch("GET", .token, times: nil, where: asking(of: "library/closed")),
                .status(status)
            )
        } _: { client, registry async throws in
            let open = client.pull(registry)
            let closed = client.pull(registry, "library/closed")
            if !isFirst { #expect(try await open.resolve(.tag("v1")) == image.top) }
            for _ in 0..<2 {
                await #expect(throws: RegistryError.self) { try await closed.resolve(.tag("v1")) }
                #expect(try await open.resolve(.tag("v1")) == image.top)
            }
            // Once, before it is known how the registry wants to be asked.
            #expect(isFirst || registry.requests.count { $0.headers["authorization"] == "Bearer t0ken" } == 1)
        }
    }

    @Test(
        "A token is presented as the password of the user that the registry's documentation names",
        arguments: [
            ("nvcr.io", "$oauthtoken"), ("quay.io", "$oauthtoken"), ("de.icr.io", "iamapikey"),
            ("rg.fr-par.scw.cloud", "nologin"), ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", "AWS"),
            ("europe-docker.pkg.dev", "oauth2accesstoken"), ("notquay.io", "token"),
        ] as [(RegistryHost, String)]
    )
    func namesUsers(host: RegistryHost, user: String) async throws {
        try await ScriptedRegistry.with(authentication: .basic(username: user, password: "t0ken")) { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            let found = try await withClient(
                credentials: [host.variablePrefix + "_TOKEN": "t0ken"],
                hosts: [host: HostSettings(endpoint: registry.url)]
            ) { client in
                let place = RepositoryReference(host: host, repository: "library/app")
                return try await client.repository(place, for: .pull).resolve(.tag("v1"))
            }
            #expect(found == image.top)
        }
    }

    @Test(
        "A token service that may not be asked leaves the password that the registry asks for beside it",
        arguments: ["https://169.254.1.1/token", "host:5002:5002/token", "null://registry/v2/token"]
    )
    func leavesBasic(realm: String) async throws {
        try await ScriptedRegistry.with(authentication: .basic(username: "ci", password: "p4ss")) { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            let both = "Bearer realm=\"\(realm)\",service=\"x\", Basic realm=\"registry\""
            registry.script(
                RequestMatch(times: nil, authorizedOnly: false),
                .edit { if $0.status == 401 { $0.headers["WWW-Authenticate"] = both } }
            )
            let right = registry.host.passwordVariables("ci", "p4ss")
            let found = try await withClient(credentials: right) { try await $0.pull(registry).resolve(.tag("v1")) }
            #expect(found == image.top)
            for (credentials, expected) in [
                ([:], "is not used, because"),
                (registry.host.passwordVariables("ci", "wrong"), "refused the password of user 'ci'"),
            ] {
                await #expect {
                    try await withClient(credentials: credentials) { _ = try await $0.pull(registry).tags() }
                } throws: { "\($0)".contains(expected) }
            }
        }
    }

    @Test("A page in a token service's place is asked for once more, and then named with its host")
    func pages() async throws {
        let issuer = TokenIssuer(accounts: ["token": "t0ken"])
        issuer.rules.anonymousActions = []
        let page = Action.status(404, headers: ["Content-Type": "text/html"], body: "<html>no backend</html>")
        try await withHost(.bearer(issuer)) { registry in
            registry.script(RequestMatch("GET", .token), page)
        } _: { client, registry async throws in
            #expect(try await client.pull(registry).resolve(.tag("v1")) == image.top)
            #expect(registry.requests.count { $0.path == "/token" } == 2)
        }
    }

    @Test("A token service elsewhere is named in errors that are its own", arguments: [403, 404, 500])
    func naming(status: Int) async throws {
        try await ScriptedRegistry.with { service in
            service.script(RequestMatch("GET", times: nil), .status(status))
            try await ScriptedRegistry.with { registry in
                let realm = service.url.replacing("127.0.0.1", with: "localhost")
                let challenge: HeaderList = ["WWW-Authenticate": #"Bearer realm="\#(realm)/token",service="s""#]
                registry.script(RequestMatch(times: nil), .status(401, headers: challenge))
                await #expect {
                    _ = try await withClient(retry: RetryPolicy(attempts: 1)) {
                        try await $0.pull(registry).resolve(.tag("v1"))
                    }
                } throws: { "\($0)".contains("localhost:\(service.host.port ?? 0)") && "\($0)".contains("\(status)") }
            }
        }
    }

    @Test("A token service that fails once takes no role away")
    func oneFailure() async throws {
        let issuer = TokenIssuer(accounts: ["token": "t0ken"])
        issuer.rules.anonymousActions = []
        try await withHost(.bearer(issuer)) { registry in
            registry.script(RequestMatch("GET", .token), .status(404))
        } _: { client, registry async throws in
            _ = try? await client.pull(registry, "library/closed").resolve(.tag("v1"))
            #expect(try await client.pull(registry).resolve(.tag("v1")) == image.top)
        }
    }

    @Test("A ready token that is refused for one repository is sent to the others")
    func readyToken() async throws {
        try await withHost(.none) { registry in
            registry.script(
                RequestMatch(nil, .manifests, times: nil, where: asking(of: "library/closed")),
                .status(401, headers: ["WWW-Authenticate": #"Bearer realm="\#(registry.url)/none",service="s""#])
            )
            registry.script(RequestMatch(nil, .containing("/none"), times: nil), .status(401))
        } _: { client, registry async throws in
            let open = client.pull(registry)
            for _ in 0..<2 {
                await #expect(throws: RegistryError.self) {
                    try await client.pull(registry, "library/closed").resolve(.tag("v1"))
                }
                #expect(try await open.resolve(.tag("v1")) == image.top)
            }
            let asked = registry.requests.filter { $0.path.contains("/library/app/") }
            #expect(asked.allSatisfy { $0.headers["authorization"] == "Bearer t0ken" })
        }
    }

    @Test("A token that one repository takes as a password is asked for with it for another")
    func severalWays() async throws {
        let issuer = TokenIssuer(accounts: ["token": "t0ken"])
        issuer.rules.anonymousActions = []
        try await withHost(.bearer(issuer)) { registry in
            let isOther = asking(of: "library/closed")
            registry.script(
                RequestMatch(nil, .manifests, times: nil, authorizedOnly: false, where: isOther),
                .flip { request in
                    guard request.headers["authorization"]?.hasPrefix("Basic ") != true else {
                        return .status(200, headers: ["Docker-Content-Digest": "\(image.digest)"])
                    }
                    return .status(401, headers: ["WWW-Authenticate": #"Basic realm="x""#])
                }
            )
        } _: { client, registry async throws in
            _ = try? await client.pull(registry, "library/closed").resolve(.tag("v1"))
            #expect(try await client.pull(registry).resolve(.tag("v1")) == image.top)
            #expect(!issuer.issuedTokens.isEmpty)
        }
    }

    @Test("Who sent a token beside others presents it as a password, also where one of them was told so before")
    func atOnce() async throws {
        let gate = Gate()
        try await withHost(.basic(username: "token", password: "t0ken")) { registry in
            registry.script(RequestMatch(nil, .manifests, times: 8, authorizedOnly: false), .holdHead(gate))
        } _: { client, registry async throws in
            try await resolveAtOnce(client.pull(registry), gate)
            #expect(registry.count(pathContains: "/manifests/") == 16)
        }
    }

    @Test("So does who sent what another repository's token service gave")
    func severalWaysAtOnce() async throws {
        let issuer = TokenIssuer(accounts: ["token": "t0ken"])
        issuer.rules.anonymousActions = []
        let gate = Gate()
        try await withHost(.bearer(issuer)) { registry in
            let isOther = asking(of: "library/closed")
            let challenge = Action.status(401, headers: ["WWW-Authenticate": #"Basic realm="x""#])
            registry.script(
                RequestMatch(nil, .manifests, times: 8, authorizedOnly: false, where: isOther),
                .all([challenge, .holdHead(gate)])
            )
            registry.script(
                RequestMatch(nil, .manifests, times: nil, authorizedOnly: false, where: isOther),
                .flip { request in
                    guard request.headers["authorization"]?.hasPrefix("Basic ") == true else { return challenge }
                    let type = "\(image.top.mediaType)"
                    return .reply(Reply(200, headers: ["Content-Type": type], body: ByteSource(image.topBytes)))
                }
            )
        } _: { client, registry async throws in
            #expect(try await client.pull(registry).resolve(.tag("v1")) == image.top)
            try await resolveAtOnce(client.pull(registry, "library/closed"), gate)
        }
    }

    /// Asks eight times for the image, of which none is answered before all have been asked.
    private func resolveAtOnce(_ repository: Repository, _ gate: Gate) async throws {
        try await withThrowingTaskGroup(of: Digest?.self) { group in
            for _ in 0..<8 { group.addTask { try await repository.resolve(.tag("v1"))?.digest } }
            try await gate.waitForArrivals(8)
            gate.open()
            for try await digest in group { #expect(digest == image.digest) }
        }
    }

    @Test("A 401 that says its token is too little gets one for what it names")
    func insufficient() async throws {
        let issuer = TokenIssuer(accounts: ["token": "t0ken"])
        issuer.rules.anonymousActions = []
        issuer.rules.accountActions.insert("*")
        try await withHost(.bearer(issuer)) { registry in
            let scope = #"scope="repository:library/app:pull,*",error="insufficient_scope""#
            registry.script(
                RequestMatch(nil, .manifests, times: nil),
                .flip { request in
                    let isWide = registry.requests.contains {
                        $0.query.all("scope").contains { $0.hasSuffix("pull,*") }
                    }
                    guard request.headers["authorization"] != nil, !isWide else { return nil }
                    let challenge = #"Bearer realm="\#(registry.url)/token",service="scripted",\#(scope)"#
                    return .status(401, headers: ["WWW-Authenticate": challenge])
                }
            )
        } _: { client, registry async throws in
            #expect(try await client.pull(registry).resolve(.tag("v1")) == image.top)
        }
    }

    @Test(
        "A 401 that says so where there is no token, or something else of one, gets one for what is usual",
        arguments: [(false, "insufficient_scope"), (true, "invalid_token")]
    )
    func notInsufficient(hasToken: Bool, error: String) async throws {
        try await ScriptedRegistry.with(authentication: .bearer(TokenIssuer())) { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            let service = #"Bearer realm="\#(registry.url)/token",service="scripted""#
            let challenge = #"\#(service),scope="repository:library/app:pull,push",error="\#(error)""#
            registry.script(
                RequestMatch(
                    nil,
                    .manifests,
                    authorizedOnly: false,
                    where: { ($0.headers["authorization"] != nil) == hasToken }
                ),
                .status(401, headers: ["WWW-Authenticate": challenge])
            )
            let found = try await withClient { try await $0.pull(registry).resolve(.tag("v1")) }
            #expect(found == image.top)
            let scopes = registry.requests.flatMap { $0.query.all("scope") }
            #expect(Set(scopes) == ["repository:library/app:pull"])
            #expect(scopes.count == (hasToken ? 2 : 1))
        }
    }
}
