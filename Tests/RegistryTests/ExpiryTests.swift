import Concurrency
import OCI
import Registry
import TestSupport
import Testing

/// Registries that say in words of their own that a password or a token has run out.
@Suite(.timeLimit(.minutes(10)))
struct ExpiryTests {
    private let image = SampleImage.image()

    @Test("A password that is denied may have run out: its program is asked again, once for all who use it")
    func followsDenials() async throws {
        let script = #"""
            echo >> asked; [ $(grep -c '' asked) = 1 ] && secret=old || secret=new
            echo "{\"Username\":\"AWS\",\"Secret\":\"$secret\"}"
            """#
        try await withProgram(script) { environment, directory in
            try await ScriptedRegistry.with(authentication: .basic(username: "AWS", password: "new")) { registry in
                registry.load(image, repository: "library/app", tag: "v1")
                registry.script(
                    RequestMatch(times: nil, authorizedOnly: false) {
                        $0.headers["authorization"] == "Basic QVdTOm9sZA=="
                    },
                    .error(403, "DENIED")
                )
                try await withClient(credentials: environment) { client in
                    let all = try await (0..<8).map(limit: 8) { _ in
                        try await client.pull(registry).resolve(.tag("v1"))
                    }
                    #expect(all.allSatisfy { $0 == image.top })
                }
                #expect(try Files.text("\(directory)/asked").utf8.count == 2)
            }
        }
    }

    @Test(
        "What stays denied starts no program for each request, and costs none of what stays the same",
        arguments: [("same", 21), ("$(grep -c '' asked)", 22)]
    )
    func boundsDenials(secret: String, requests: Int) async throws {
        let script = #"echo >> asked; echo "{\"Username\":\"AWS\",\"Secret\":\"\#(secret)\"}""#
        try await withProgram(script) { environment, directory in
            try await ScriptedRegistry.with(authentication: .basic(username: "AWS", password: "x")) { registry in
                registry.script(
                    RequestMatch(times: nil, authorizedOnly: false) { $0.headers["authorization"] != nil },
                    .error(403, "DENIED")
                )
                try await withClient(credentials: environment) { client in
                    for _ in 0..<20 {
                        await #expect {
                            _ = try await client.pull(registry).manifest(.tag("v1"))
                        } throws: { ($0 as? RegistryError)?.kind == .forbidden }
                    }
                }
                #expect(registry.requests.count == requests)
                #expect(try Files.text("\(directory)/asked").utf8.count == 2)
            }
        }
    }

    @Test("A token is used for four fifths of the time that its service gives it")
    func renewsInTime() async throws {
        let (issuer, clock) = (TokenIssuer(), TestClock())
        issuer.rules.announcedLifetime = 300
        try await ScriptedRegistry.with(authentication: .bearer(issuer)) { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            try await withClient(clock: clock) { client async throws in
                for (time, tokens) in [(0, 1), (239, 1), (2, 2)] {
                    clock.advance(by: .seconds(time))
                    #expect(try await client.pull(registry).resolve(.tag("v1")) == image.top)
                    #expect(issuer.issuedTokens.count == tokens)
                }
            }
        }
    }

    @Test("What stays denied starts its program again after a time, whose failure changes nothing")
    func asksAgainAfterDenials() async throws {
        let script = #"echo >> asked; [ ! -e broken ] && echo '{"Username":"u","Secret":"p"}'"#
        try await withProgram(script) { environment, directory in
            let clock = ManualClock()
            let store = try CredentialStore(environment: environment, home: nil, clock: clock)
            let place = try RepositoryReference("a.io/b")
            let credential = try #require(try await store.credential(for: place))
            for asked in 2...4 {
                for _ in 0..<3 {
                    let found = try await store.credential(for: place, refused: credential, isDenial: true)
                    #expect(found == credential)
                }
                #expect(try Files.text("\(directory)/asked").utf8.count == asked)
                clock.advance(by: .seconds(61))
                if asked == 2 { try Files.write("", to: "\(directory)/broken") }
            }
        }
    }

    @Test(
        "A denial that says that the token has expired is answered with another, once; any other stands",
        arguments: [
            ("Your authorization token has expired. Reauthenticate and try again.", 2),
            ("requested access to the resource is denied", 1),
        ]
    )
    func renewsDenied(message: String, tokens: Int) async throws {
        try await ScriptedRegistry.with(authentication: .bearer(TokenIssuer())) { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            let body = #"{"errors":[{"code":"DENIED","message":"\#(message)"}]}"#
            registry.script(
                RequestMatch("GET", .manifests, times: nil, after: 1),
                .flip { request in
                    let isFirst =
                        request.headers["authorization"]
                        == registry.requests.first { $0.status == 200 && $0.path != "/token" }?.headers["authorization"]
                    return isFirst ? .status(403, body: body) : nil
                }
            )
            try await withClient { client in
                let repository = client.pull(registry)
                _ = try await repository.manifest(.tag("v1"))
                let found = try? await repository.manifest(.tag("v1"))
                #expect((found != nil) == (tokens == 2))
            }
            #expect(registry.count("GET", pathContains: "/token") == tokens)
        }
    }

    @Test(
        "A token that is refused without a challenge is renewed, once a request",
        arguments: ["DENIED", "UNAUTHORIZED", "NAME_INVALID"],
        [1, nil]
    )
    func renewsTokens(code: String, refusals: Int?) async throws {
        try await ScriptedRegistry.with(authentication: .bearer(TokenIssuer())) { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            registry.script(RequestMatch("GET", .manifests, times: refusals, after: 1), .error(400, code))
            let isRenewed = code != "NAME_INVALID"
            try await withClient { client in
                let repository = client.pull(registry)
                _ = try await repository.manifest(.tag("v1"))
                let found = try? await repository.manifest(.tag("v1"))
                #expect((found != nil) == (isRenewed && refusals == 1))
            }
            #expect(registry.count("GET", pathContains: "/token") == (isRenewed ? 2 : 1))
        }
    }

    @Test("Where a token has run out whenever a large body has come whole, smaller ones are sent from then on")
    func smallerBodies() async throws {
        var rules = TokenIssuer.Rules()
        rules.accounts = ["ci": "p4ss"]
        try await ScriptedRegistry.with(authentication: .bearer(TokenIssuer(rules))) { registry in
            let isLarge: @Sendable (RecordedRequest) -> Bool = {
                $0.headers["content-length"].flatMap { Int($0) } ?? 0 > 4 << 20
            }
            let challenge = #"Bearer realm="\#(registry.url)/token",service="s",error="invalid_token""#
            registry.script(
                RequestMatch(nil, .uploads, times: nil, where: isLarge),
                .error(401, "UNAUTHORIZED", headers: ["WWW-Authenticate": challenge])
            )
            let blobs = (1...2).map { ByteSource.random(seed: $0, count: 6 << 20) }
            try await withClient(credentials: registry.host.passwordVariables("ci", "p4ss")) { client in
                for blob in blobs { _ = try await client.push(registry).store(SampleReader(blob)) }
            }
            for blob in blobs {
                #expect(registry.store.blob(blob.descriptor.digest, in: "library/app")?.count == blob.count)
            }
            #expect(registry.requests.count(where: isLarge) == 2)
        }
    }
}
