import Concurrency
import OCI
import Registry
import TestSupport
import Testing

/// Credentials that change, hide, or are good for something else than their name says.
@Suite(.timeLimit(.minutes(10)))
struct CredentialAgeTests {
    private let image = SampleImage.image()

    @Test("A secret that changes every few requests is asked for anew, and nothing is restarted")
    func follows() async throws {
        try await withProgram(#"echo "{\"Username\":\"AWS\",\"Secret\":\"$(cat secret)\"}""#) {
            environment,
            directory in
            try await ScriptedRegistry.with { registry in
                registry.load(image, repository: "library/app", tag: "v1")
                var number = 0
                try await withClient(credentials: environment) { client in
                    for round in 0..<60 {
                        if round % 12 == 0 {
                            number += 1
                            try Files.write("s3cret-\(number)", to: "\(directory)/secret")
                            registry.authentication = .basic(username: "AWS", password: "s3cret-\(number)")
                        }
                        let found = try await client.pull(registry).resolve(.tag("v1"))
                        #expect(found == image.top)
                    }
                }
                #expect(registry.requests.count { $0.status == 401 } == 5)
            }
        }
    }

    @Test("Who was refused without a name looks again whether somebody has logged in", arguments: [true, false])
    func loggedIn(hasTokens: Bool) async throws {
        let issuer = TokenIssuer(accounts: ["ci": "p4ss"])
        issuer.rules.anonymousActions = []
        let basic = Authentication.basic(username: "ci", password: "p4ss")
        try await TemporaryDirectory.with { directory async throws in
            try await ScriptedRegistry.with(authentication: hasTokens ? .bearer(issuer) : basic) {
                registry async throws in
                registry.load(image, repository: "library/app", tag: "v1")
                try await withClient(credentials: ["DOCKER_CONFIG": "\(directory)"]) { client async throws in
                    let source = client.pull(registry)
                    for _ in 0..<2 {
                        await #expect(throws: RegistryError.self) { _ = try await source.manifest(.tag("v1")) }
                    }
                    let entry = #"{"auth": "Y2k6cDRzcw=="}"#
                    try Files.write(#"{"auths": {"\#(registry.host)": \#(entry)}}"#, to: "\(directory)/config.json")
                    #expect(try await source.manifest(.tag("v1")) != nil)
                }
            }
        }
    }

    @Test("A program that knows no credentials is not started again for each refusal")
    func notLoggedIn() async throws {
        let script = "echo >> asked; echo 'credentials not found in native keychain'; exit 1"
        try await withProgram(script) { environment, directory in
            try await ScriptedRegistry.with(authentication: .basic(username: "ci", password: "p4ss")) { registry in
                try await withClient(credentials: environment) { client in
                    for _ in 0..<5 { _ = try? await client.pull(registry).manifest(.tag("v1")) }
                }
            }
            #expect(try Files.text("\(directory)/asked").utf8.count == 1)
        }
    }

    @Test(
        "A secret that changes again before it is used is asked for again, a bounded number of times",
        arguments: [
            (4, false), (4, true), (Int.max, false), (Int.max, true),
        ]
    )
    func followsTheHurried(good: Int, hasTokens: Bool) async throws {
        // Each answer is another secret.
        let script = #"echo >> asked; echo "{\"Username\":\"AWS\",\"Secret\":\"s3cret-$(grep -c '' asked)\"}""#
        try await withProgram(script) { environment, directory in
            let issuer = TokenIssuer(accounts: ["AWS": "s3cret-\(good)"])
            issuer.rules.anonymousActions = []
            let basic = Authentication.basic(username: "AWS", password: "s3cret-\(good)")
            try await ScriptedRegistry.with(authentication: hasTokens ? .bearer(issuer) : basic) { registry in
                registry.load(image, repository: "library/app", tag: "v1")
                let found = try? await withClient(credentials: environment) {
                    try await $0.pull(registry).resolve(.tag("v1"))
                }
                #expect(found == (good == 4 ? image.top : nil))
                let asked = try Files.text("\(directory)/asked").utf8.count
                #expect(asked == (good == 4 ? 4 : 9))
            }
        }
    }

    @Test("The same at a token service, whose tokens expire with the secret")
    func followsAtTokenServices() async throws {
        try await withProgram(#"echo "{\"Username\":\"AWS\",\"Secret\":\"$(cat secret)\"}""#) {
            environment,
            directory in
            let issuer = TokenIssuer(accounts: ["AWS": "s3cret-0"])
            issuer.rules.anonymousActions = []
            try await ScriptedRegistry.with(authentication: .bearer(issuer)) { registry in
                registry.load(image, repository: "library/app", tag: "v1")
                try await withClient(credentials: environment) { client in
                    for round in 0..<4 {
                        try Files.write("s3cret-\(round)", to: "\(directory)/secret")
                        issuer.rules.accounts = ["AWS": "s3cret-\(round)"]
                        issuer.expireAllTokens()
                        let found = try await client.pull(registry).resolve(.tag("v1"))
                        #expect(found == image.top)
                    }
                }
            }
        }
    }

    @Test("A program's own words are in the error, an empty answer means nobody, and it reads no line's end")
    func hearsPrograms() async throws {
        try await ScriptedRegistry.with { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            _ = try await withProgram("echo 'the vault is locked' >&2; exit 1") { environment, _ in
                await #expect {
                    try await withClient(credentials: environment) {
                        _ = try await $0.pull(registry).resolve(.tag("v1"))
                    }
                } throws: { "\($0)".contains("saying 'the vault is locked'") }
            }
            let empty = #"[ "$(od -An -c | grep -c '\\n')" = 0 ] && echo '{"Username":"","Secret":""}'"#
            try await withProgram(empty) { environment, _ in
                let found = try await withClient(credentials: environment) {
                    try await $0.pull(registry).resolve(.tag("v1"))
                }
                #expect(found == image.top)
            }
        }
    }

    @Test(
        "A registry that hides what it has from strangers, or refuses them without a word, is asked at its base, once",
        arguments: [401, 403, 404]
    )
    func asksBase(status: Int) async throws {
        try await ScriptedRegistry.with(authentication: .basic(username: "ci", password: "p4ss")) { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            let isAnonymous: @Sendable (RecordedRequest) -> Bool = {
                $0.headers["authorization"] == nil && $0.path != "/v2/"
            }
            registry.script(
                RequestMatch(nil, .any, times: nil, authorizedOnly: false, where: isAnonymous),
                .error(status, "NAME_UNKNOWN")
            )
            try await withClient(credentials: registry.host.passwordVariables("ci", "p4ss")) { client in
                // Also where many find out together.
                let all = try await (0..<8).map(limit: 8) { _ in try await client.pull(registry).tags() }
                #expect(all.allSatisfy { $0 == ["v1"] })
                _ = try await client.pull(registry).tags()
            }
            #expect(registry.requests.count { $0.path == "/v2/" } == 1)
        }
    }

    @Test("A question at a registry's base that fails is asked again by the next request")
    func asksBaseAgain() async throws {
        try await ScriptedRegistry.with(authentication: .basic(username: "ci", password: "p4ss")) { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            registry.script(RequestMatch("GET", .exactly("/v2/"), authorizedOnly: false), .status(502))
            registry.script(
                RequestMatch(
                    nil,
                    .any,
                    times: nil,
                    authorizedOnly: false,
                    where: { request in
                        request.headers["authorization"] == nil && request.path != "/v2/"
                    }
                ),
                .error(404, "NAME_UNKNOWN")
            )
            try await withClient(credentials: registry.host.passwordVariables("ci", "p4ss")) { client in
                let (first, second) = (try await client.pull(registry).tags(), try await client.pull(registry).tags())
                #expect(first == nil && second == ["v1"])
            }
        }
    }

    @Test("A wider scope that was of no use is not asked for when the token is renewed")
    func narrowsScopes() async throws {
        let issuer = TokenIssuer(accounts: ["ci": "p4ss"])
        try await ScriptedRegistry.with(authentication: .bearer(issuer)) { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            let field = "Bearer realm=\"x\",error=\"insufficient_scope\",scope=\"repository:library/app:pull,push\""
            let forbidden = Action.error(403, "DENIED", headers: ["WWW-Authenticate": field])
            registry.script(RequestMatch("GET", .manifests, times: 2), forbidden)
            try await withClient(credentials: registry.host.passwordVariables("ci", "p4ss")) { client in
                await #expect(throws: RegistryError.self) { _ = try await client.pull(registry).manifest(.tag("v1")) }
                issuer.expireAllTokens()
                _ = try await client.pull(registry).manifest(.tag("v1"))
            }
            let last = registry.requests.last { $0.path == "/token" }
            #expect(last?.query.all("scope") == ["repository:library/app:pull"])
        }
    }

    @Test("The scope that a challenge names is asked for too, first")
    func mergesScopes() async throws {
        let issuer = TokenIssuer(accounts: ["ci": "p4ss"])
        try await ScriptedRegistry.with(authentication: .bearer(issuer)) { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            let field = "Bearer realm=\"\(registry.url)/token\",scope=\"repository:proxy/library/app:pull\""
            registry.script(
                RequestMatch("GET", .manifests, authorizedOnly: false, where: { $0.headers["authorization"] == nil }),
                .edit { $0.headers["WWW-Authenticate"] = field }
            )
            _ = try await withClient { try await $0.pull(registry).manifest(.tag("v1")) }
            let token = try #require(registry.requests.first { $0.path == "/token" })
            #expect(
                token.query.all("scope") == ["repository:proxy/library/app:pull", "repository:library/app:pull"]
            )
        }
    }

    @Test("A token of ours is a password, a refresh token or a ready token, as the registry takes it")
    func findsRoles() async throws {
        let password = TokenIssuer(accounts: ["token": "t0ken"])
        let refresh = TokenIssuer()
        refresh.rules.refreshTokens = ["t0ken": "ci"]
        for issuer in [password, refresh] { issuer.rules.anonymousActions = [] }
        for authentication in [
            Authentication.basic(username: "token", password: "t0ken"), .bearer(password), .bearer(refresh),
        ] {
            try await ScriptedRegistry.with(authentication: authentication) { registry in
                registry.load(image, repository: "library/app", tag: "v1")
                try await withClient(credentials: [registry.host.variablePrefix + "_TOKEN": "t0ken"]) { client in
                    for _ in 0..<2 {
                        let found = try await client.pull(registry).resolve(.tag("v1"))
                        #expect(found == image.top)
                    }
                }
                #expect(registry.requests.last?.status == 200 && registry.requests.count <= 5)
            }
        }
    }

    @Test("Docker Hub's password goes to Docker Hub alone; what stands in its place has accounts of its own")
    func keepsHubPasswords() async throws {
        try await ScriptedRegistry.with(authentication: .basic(username: "ci", password: "p4ss")) { registry in
            registry.load(image, repository: "library/alpine", tag: "v1")
            var credentials = ["IMGLIFE_DOCKER_IO_USERNAME": "me", "IMGLIFE_DOCKER_IO_PASSWORD": "hubs3cret"]
            for own in [[:], registry.host.passwordVariables("ci", "p4ss")] {
                credentials.merge(own) { $1 }
                let found = try? await withClient(
                    credentials: credentials,
                    hosts: [.dockerHub: HostSettings(endpoint: registry.url)]
                ) { try await $0.repository(.alpine, for: .pull).manifest(.tag("v1")) }
                #expect((found != nil) == !own.isEmpty)
            }
            #expect(!registry.transcriptContains("hubs3cret"))
        }
    }

    @Test(
        "podman's file is read, and what others write as 'auth'",
        arguments: ["Y2k6cDRzcw==\\n", "Y2k6cDRzcw", "Y2k6cDRzcwA="]
    )
    func readsFiles(auth: String) async throws {
        try await TemporaryDirectory.with { directory in
            try await Tool.check("mkdir", ["\(directory)/containers"])
            try await ScriptedRegistry.with(authentication: .basic(username: "ci", password: "p4ss")) { registry in
                registry.load(image, repository: "library/app", tag: "v1")
                let file = #"{"auths": {"\#(registry.host)": {"auth": "\#(auth)"}}}"#
                try Files.write(file, to: "\(directory)/containers/auth.json")
                let found = try await withClient(credentials: ["XDG_RUNTIME_DIR": "\(directory)"]) {
                    try await $0.pull(registry).resolve(.tag("v1"))
                }
                #expect(found == image.top)
            }
        }
    }
}
