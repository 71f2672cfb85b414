import Concurrency
import OCI
import Registry
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct TokenTests {
    private let image = SampleImage.image()

    private func issuer(_ change: (inout TokenIssuer.Rules) -> Void = { _ in }) -> TokenIssuer {
        var rules = TokenIssuer.Rules()
        rules.accounts = ["ci": "p4ss"]
        rules.anonymousActions = []
        change(&rules)
        return TokenIssuer(rules)
    }

    /// Reads a manifest from a registry with a script.
    private func read(
        _ authentication: Authentication,
        timeoutClock: any Clock<Duration> = ContinuousClock(),
        _ script: (ScriptedRegistry) -> Void = { _ in },
        credentials: (RegistryHost) -> [String: String] = { $0.passwordVariables("ci", "p4ss") }
    ) async throws -> (manifest: Manifest?, requests: [RecordedRequest]) {
        try await ScriptedRegistry.with(authentication: authentication) { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            script(registry)
            let manifest = try await withClient(credentials: credentials(registry.host), timeoutClock: timeoutClock) {
                try await $0.pull(registry).manifest(.tag("v1"))
            }
            return (manifest, registry.requests)
        }
    }

    @Test("An identity token is exchanged by POST and sent nowhere else")
    func exchangesIdentityTokens() async throws {
        let identity = "id+/=&\(UInt64.random(in: .min ... .max))"
        let issuer = issuer { $0.refreshTokens = [identity: "ci"] }
        try await TemporaryDirectory.with { directory in
            let result = try await read(
                .bearer(issuer),
                credentials: { host in
                    let entry = #"{"auth": "PHRva2VuPjo=", "identitytoken": "\#(identity)"}"#
                    try? Files.write(#"{"auths": {"\#(host)": \#(entry)}}"#, to: "\(directory)/config.json")
                    return ["DOCKER_CONFIG": "\(directory)"]
                }
            )
            #expect(result.manifest != nil)
            #expect(result.requests.map(\.method) == ["GET", "POST", "GET"])
            let form = try #require(result.requests.first { $0.method == "POST" })
            #expect(form.contains("refresh_token") && form.contains("repository:library/app:pull"))
            #expect(form.headers["authorization"] == nil)
            #expect(result.requests.filter { $0.contains(identity) }.count == 1)
        }
    }

    /// Three repositories of a registry whose token service takes a refresh token once, the first of which is in a file.
    private func rotating(
        first: String,
        _ body: (ScriptedRegistry, [RepositoryName], [String: String]) async throws -> Void
    ) async throws {
        let issuer = issuer {
            $0.refreshTokens = [first: "ci"]
            $0.issuesRefreshTokens = true
            $0.takesRefreshTokensOnce = true
        }
        let names = try (0..<3).map { try RepositoryName("team/app\($0)") }
        try await ScriptedRegistry.with(authentication: .bearer(issuer)) { registry in
            for name in names { registry.load(image, repository: name, tag: "v1") }
            try await TemporaryDirectory.with { directory in
                let entry = #"{"\#(registry.host)": {"identitytoken": "\#(first)"}}"#
                try Files.write(#"{"auths": \#(entry)}"#, to: "\(directory)/config.json")
                try await body(registry, names, ["DOCKER_CONFIG": directory])
            }
        }
    }

    @Test(
        "A refresh token that is good once is replaced by the one that comes with a token, for all who wait for theirs",
        arguments: [1, 3]
    )
    func replacesRefreshTokens(parallel: Int) async throws {
        try await rotating(first: "first") { registry, names, credentials async throws in
            try await withClient(credentials: credentials) { client in
                try await names.forEach(limit: parallel) { name async throws in
                    #expect(try await client.pull(registry, name).manifest(.tag("v1")) != nil)
                }
            }
            #expect(registry.count("POST") == 3)
        }
    }

    @Test("What has taken a refresh token's place stays so where it is refused something, and when it is read again")
    func keepsRefreshTokens() async throws {
        try await rotating(first: "kept") { registry, names, credentials async throws in
            registry.script(RequestMatch("POST", after: 1), .error(403, "DENIED"))
            var results: [Bool] = []
            for name in names {
                try await withClient(credentials: credentials) { client async throws in
                    results.append((try? await client.pull(registry, name).manifest(.tag("v1"))) ?? nil != nil)
                }
            }
            #expect(results == [true, false, true])
        }
    }

    @Test("A token of ours is sent as it is, from the first request on, and asks no token service")
    func sendsTokens() async throws {
        let result = try await read(.none, credentials: { [$0.variablePrefix + "_TOKEN": "t0ken"] })
        #expect(result.manifest != nil)
        #expect(result.requests.map { $0.headers["authorization"] } == ["Bearer t0ken"])
    }

    @Test("A token of ours that is refused is not exchanged, and the error says which variable to check")
    func reportsTokens() async throws {
        let other = issuer()
        await #expect {
            _ = try await read(.bearer(other), credentials: { [$0.variablePrefix + "_TOKEN": "t0ken"] })
        } throws: { error in
            "\(error)".contains("refused the token")
                && "\(error)".contains(#/check IMGLIFE_\w+_TOKEN; .*set IMGLIFE_\w+_USERNAME/#)
        }
        #expect(other.issuedTokens.isEmpty)
    }

    @Test(
        "Credentials with line ends put nothing into a request",
        arguments: ["t0ken\r\nX-Injected: 1", "t0ken\nx", "t0ken ", "tokén", "t0ken\u{0}"]
    )
    func refusesInjection(secret: String) async throws {
        let log = LogRecorder()
        try await ScriptedRegistry.with { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            await #expect {
                try await withClient(credentials: [registry.host.variablePrefix + "_TOKEN": secret], log: log) {
                    _ = try await $0.pull(registry).manifest(.tag("v1"))
                }
            } throws: { ($0 as? RegistryError)?.kind == .configuration && !"\($0)".contains(secret) }
            #expect(registry.requests.isEmpty)
        }
        let passwords = try await read(
            .basic(username: "ci\r\nX-Injected: 1", password: secret),
            credentials: { $0.passwordVariables("ci\r\nX-Injected: 1", secret) }
        )
        // They arrive as they are, within what is no text.
        #expect(passwords.manifest != nil)
        #expect(passwords.requests.count == 2)
    }

    @Test("While a token service is down, all who need its token ask as one")
    func sharesTries() async throws {
        let service = issuer()
        let clock = TestClock()
        try await ScriptedRegistry.with(authentication: .bearer(service)) { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            let gate = Gate()
            registry.script(RequestMatch("GET", .token, times: 1), .all([.holdHead(gate), .status(502)]))
            registry.script(RequestMatch("GET", .token, times: 1), .status(502))
            try await withClient(
                credentials: registry.host.passwordVariables("ci", "p4ss"),
                clock: clock
            ) { client in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 1...8 {
                        group.addTask { _ = try await client.pull(registry).manifest(.tag("v1")) }
                    }
                    try await gate.waitForArrivals()
                    gate.open()
                    try await group.waitForAll()
                }
            }
            #expect(registry.requests.count { $0.path == "/token" } == 3)
            #expect(clock.sleeps.count == 2)
        }
    }

    @Test(
        "A token service that fails for a moment is asked again",
        arguments: [
            Action.error(500, "UNKNOWN"), .error(503, "UNKNOWN", headers: ["Retry-After": "5"]), .html,
            .reply(.json(200, "{}")), .reply(.json(200, #"{"token": "#)), .resetBeforeHead, .close(afterBytes: 5),
            .error(429, "TOOMANYREQUESTS"),
        ]
    )
    func asksAgain(fault: Action) async throws {
        let result = try await read(.bearer(issuer())) { $0.script(RequestMatch(nil, .token), fault) }
        #expect(result.manifest != nil)
        #expect(result.requests.filter { $0.path == "/token" }.count == 2)
    }

    @Test(
        "A token service that answers nonsense is given up, and named",
        arguments: [
            #"{"token": ""}"#, #"{"token": 7}"#, #"{"token": "a\r\nb"}"#, "[]", "null", "", "<html>",
            "{\"token\": \"" + String(repeating: "a", count: 70_000) + "\"}",
        ]
    )
    func reportsNonsense(body: String) async throws {
        await #expect {
            _ = try await read(.bearer(issuer())) {
                $0.script(RequestMatch(nil, .token, times: nil), .reply(.json(200, body)))
            }
        } throws: { "\($0)".contains("answers without a token") && "\($0)".contains("/library/app") }
    }

    @Test("A token that is refused again is told of as that, and not as a wrong password")
    func reportsRefusedTokens() async throws {
        await #expect {
            _ = try await read(.bearer(issuer())) { registry in
                let field = "Bearer realm=\"\(registry.url)/token\",scope=\"repository:library/app:pull\""
                let refusal = Action.error(401, "UNAUTHORIZED", headers: ["WWW-Authenticate": field])
                registry.script(RequestMatch("GET", .manifests, times: nil), refusal)
            }
        } throws: { error in
            let text = "\(error)"
            return text.contains("refused the token that its token service gave user 'ci'")
                && text.contains("check that library/app is there") && !text.contains("password")
        }
    }

    @Test("A token service that takes too long is given up in time")
    func limitsTokenServices() async throws {
        let gate = Gate()
        let clock = ManualClock()
        let issuer = issuer()
        async let result = read(.bearer(issuer), timeoutClock: clock) {
            $0.script(RequestMatch(nil, .token), .holdHead(gate))
        }
        try await gate.waitForArrivals()
        try await clock.waitForSleepers()
        clock.advance(by: .seconds(60))
        let manifest = try await result.manifest
        #expect(manifest != nil)
        gate.open()
    }

    @Test(
        "Challenges are understood in all forms, several in one field or in several",
        arguments: [
            [#"Bearer realm="URL/token",service="x""#], [#"bearer  REALM="URL/token" , Service=x"#],
            [#"Basic realm="x", Bearer realm="URL/token",service="x""#],
            [#"Bearer realm="URL/token", Basic realm="x""#],
            ["Negotiate", #"Basic realm="a, b""#, #"Bearer realm="URL/token""#],
            [#"Bearer error="invalid_token",realm="URL/token?a=1,2",scope="repository:x:pull,push""#],
            ["Bearer realm=URL/token"], [#"Bearer realm="URL\/token""#],
        ]
    )
    func understandsChallenges(fields: [String]) async throws {
        let issuer = issuer()
        let result = try await read(.bearer(issuer)) { registry in
            let refused = RequestMatch(
                "GET",
                .manifests,
                authorizedOnly: false,
                where: { $0.headers["authorization"] == nil }
            )
            registry.script(
                refused,
                .edit { reply in
                    reply.headers["WWW-Authenticate"] = nil
                    for field in fields {
                        reply.headers.add("WWW-Authenticate", field.replacing("URL", with: registry.url))
                    }
                }
            )
        }
        #expect(result.manifest != nil)
        #expect(issuer.issuedTokens.count == 1)
    }

    @Test(
        "A challenge that nobody understands leaves the refusal standing",
        arguments: ["", "Negotiate", "Bearer", "=,\""]
    )
    func leavesRefusals(field: String) async throws {
        try await ScriptedRegistry.with { registry in
            let refusal = Reply.error(401, "UNAUTHORIZED", headers: ["WWW-Authenticate": field])
            registry.script(RequestMatch(nil, .any, times: nil), .reply(refusal))
            await #expect {
                try await withClient(credentials: registry.host.passwordVariables("ci", "p4ss")) {
                    _ = try await $0.pull(registry).manifest(.tag("v1"))
                }
            } throws: { ($0 as? RegistryError)?.kind == .unauthorized }
            #expect(registry.requests.count == 1)
            #expect(!registry.transcriptContains("p4ss"))
        }
    }

    /// A 403 that names the scope that it wants.
    private static func forbidden(_ scope: String) -> Action {
        let field = "Bearer realm=\"x\",error=\"insufficient_scope\",scope=\"\(scope)\""
        return .error(403, "DENIED", headers: ["WWW-Authenticate": field])
    }

    @Test("A 403 that names a wider scope is answered once with a token for that, which is kept")
    func widensScopes() async throws {
        let issuer = issuer()
        try await ScriptedRegistry.with(authentication: .bearer(issuer)) { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            registry.script(RequestMatch("GET", .manifests), Self.forbidden("repository:library/app:pull,push"))
            try await withClient(credentials: registry.host.passwordVariables("ci", "p4ss")) { client in
                for _ in 0..<2 {
                    let manifest = try await client.pull(registry).manifest(.tag("v1"))
                    #expect(manifest != nil)
                }
            }
            #expect(
                registry.requests.filter { $0.path == "/token" }.compactMap { $0.query["scope"] } == [
                    "repository:library/app:pull", "repository:library/app:pull,push",
                ]
            )
            #expect(registry.requests.compactMap(\.status) == [401, 200, 403, 200, 200, 200])
        }
    }

    @Test(
        "A 403 is final where more is of no use, cannot be had, or is not named",
        arguments: [
            ("repository:library/app:pull,push", false, 2), ("repository:library/app:pull,push", true, 1),
            ("repository:library/app:pull", false, 1), ("repository:library/other:push", false, 1),
        ]
    )
    func leavesForbidden(scope: String, isRefusedByService: Bool, expected: Int) async throws {
        try await ScriptedRegistry.with(authentication: .bearer(issuer())) { registry in
            registry.script(RequestMatch("GET", .manifests, times: nil), Self.forbidden(scope))
            if isRefusedByService {
                registry.script(RequestMatch("GET", .token, times: nil, after: 1), .error(403, "DENIED"))
            }
            try await withClient(credentials: registry.host.passwordVariables("ci", "p4ss")) { client in
                for _ in 0..<2 {
                    await #expect { _ = try await client.pull(registry).manifest(.tag("v1")) } throws: {
                        ($0 as? RegistryError)?.kind == .forbidden && ($0 as? RegistryError)?.action == .readManifest
                    }
                }
            }
            // The second request is not answered again: what was asked in vain once is not asked for any more.
            #expect(registry.requests.filter { $0.status == 403 && $0.path != "/token" }.count == expected + 1)
        }
    }
}
