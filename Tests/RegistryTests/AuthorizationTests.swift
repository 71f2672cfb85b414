import NIOCore
import OCI
import Registry
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct AuthorizationTests {
    private let image = SampleImage.image()
    private let password = "p4ssw0rd-\(UInt64.random(in: .min ... .max))"

    private func credentials(_ registry: ScriptedRegistry, password: String? = nil) -> [String: String] {
        let name =
            "IMGLIFE_"
            + registry.host.description.uppercased().map { $0.isLetter || $0.isNumber ? "\($0)" : "_" }.joined()
        return ["\(name)_USERNAME": "ci", "\(name)_PASSWORD": password ?? self.password]
    }

    private func issuer() -> TokenIssuer {
        var rules = TokenIssuer.Rules()
        rules.accounts = ["ci": password]
        rules.anonymousActions = []
        return TokenIssuer(rules)
    }

    private func withRegistry<R>(
        _ authentication: Authentication,
        _ body: (ScriptedRegistry) async throws -> R
    ) async throws -> R {
        try await ScriptedRegistry.with(authentication: authentication) { registry in
            for name in ["library/app", "library/b"] as [RepositoryName] {
                registry.load(image, repository: name, tag: "v1")
            }
            return try await body(registry)
        }
    }

    @Test("The first challenge teaches the host: other repositories go straight to the token service")
    func learnsOnce() async throws {
        try await withRegistry(.bearer(issuer())) { registry in
            try await withClient(credentials: credentials(registry)) { client in
                _ = try await client.pull(registry).resolve(.tag("v1"))
                _ = try await client.pull(registry).manifest(.tag("v1"))
                let found = try await client.pull(registry, "library/b").resolve(.tag("v1"))
                #expect(found == image.top)
            }
            #expect(
                registry.requests.map { "\($0.path == "/token" ? "token" : $0.method) \($0.status ?? 0)" } == [
                    "HEAD 401", "token 200", "HEAD 200", "GET 200", "token 200", "HEAD 200",
                ]
            )
            #expect(
                registry.requests.filter { $0.path == "/token" }.compactMap { $0.query["scope"] } == [
                    "repository:library/app:pull", "repository:library/b:pull",
                ]
            )
        }
    }

    @Test("Twenty requests at once need one token")
    func sharesTokens() async throws {
        try await withRegistry(.bearer(issuer())) { registry in
            try await withClient(credentials: credentials(registry)) { client in
                _ = try await client.pull(registry, "library/b").resolve(.tag("v1"))
                registry.forgetRequests()
                try await withThrowingTaskGroup(of: Descriptor?.self) { group in
                    for _ in 0..<20 { group.addTask { try await client.pull(registry).resolve(.tag("v1")) } }
                    for try await found in group { #expect(found == image.top) }
                }
            }
            #expect(registry.count(pathContains: "/token") == 1)
        }
    }

    @Test("A token that is refused in mid-run is replaced, without using up a try")
    func refreshesTokens() async throws {
        let issuer = issuer()
        try await withRegistry(.bearer(issuer)) { registry in
            try await withClient(credentials: credentials(registry), retry: RetryPolicy(attempts: 1)) { client in
                for _ in 0..<3 {
                    let manifest = try await client.pull(registry).manifest(.tag("v1"))
                    #expect(manifest != nil)
                    issuer.expireAllTokens()
                }
                let source = ByteSource.random(seed: 3, count: 600_000)
                registry.script(
                    RequestMatch("POST", .uploads),
                    .flip { _ in
                        issuer.expireAllTokens()
                        return nil
                    }
                )
                _ = try await client.push(registry).store(SampleReader(source))
                #expect(registry.store.blob(source.descriptor.digest, in: "library/app")?.count == 600_000)
            }
            #expect(issuer.issuedTokens.count == 5)
        }
    }

    @Test("Tokens are replaced at 80 % of their life, which is at least a minute")
    func renewsTokens() async throws {
        let issuer = issuer()
        issuer.rules.announcedLifetime = 2
        let clock = TestClock()
        try await withRegistry(.bearer(issuer)) { registry in
            try await withClient(credentials: credentials(registry), clock: clock) { client in
                let repository = client.pull(registry)
                _ = try await repository.resolve(.tag("v1"))
                clock.advance(by: .seconds(47))
                _ = try await repository.resolve(.tag("v1"))
                #expect(issuer.issuedTokens.count == 1)
                clock.advance(by: .seconds(2))
                _ = try await repository.resolve(.tag("v1"))
                #expect(issuer.issuedTokens.count == 2)
            }
        }
    }

    @Test("Basic credentials are sent after a Basic challenge only, and from then on at once")
    func usesBasic() async throws {
        try await withRegistry(.basic(username: "ci", password: password)) { registry in
            try await withClient(credentials: credentials(registry)) { client in
                _ = try await client.pull(registry).resolve(.tag("v1"))
                _ = try await client.pull(registry, "library/b").resolve(.tag("v1"))
            }
            #expect(registry.requests.map { $0.headers["authorization"] != nil } == [false, true, true])
        }
    }

    @Test("A refused password says whose it is and which variables to check, and is not tried again")
    func reportsPasswords() async throws {
        for authentication in [Authentication.basic(username: "ci", password: password), .bearer(issuer())] {
            try await withRegistry(authentication) { registry in
                let log = LogRecorder()
                let name = "IMGLIFE_127_0_0_1_\(registry.host.port ?? 0)"
                await #expect {
                    _ = try await withClient(credentials: credentials(registry, password: "wr0ng"), log: log) {
                        try await $0.pull(registry).manifest(.tag("v1"))
                    }
                } throws: { error in
                    "\(error)" == "\(registry.host) refused the password of user 'ci' (401 UNAUTHORIZED): "
                        + "check \(name)_USERNAME and _PASSWORD"
                }
                #expect(registry.requests.count == 2)
                #expect(!log.text.contains("wr0ng"))
            }
        }
    }

    @Test("Without credentials the error says how to set them")
    func asksForCredentials() async throws {
        try await withRegistry(.basic(username: "ci", password: password)) { registry in
            let name = "IMGLIFE_127_0_0_1_\(registry.host.port ?? 0)"
            await #expect {
                _ = try await withClient { try await $0.pull(registry).manifest(.tag("v1")) }
            } throws: { error in
                "\(error)"
                    == "\(registry.host) asks for credentials to read the manifest of library/app (401 UNAUTHORIZED): "
                    + "set \(name)_USERNAME and _PASSWORD, or \(name)_TOKEN"
            }
        }
    }

    @Test("A token service elsewhere sees no credentials, and the error says so")
    func keepsCredentialsAtHome() async throws {
        try await ScriptedRegistry.with { other in
            try await TinyProxy.with(to: other.host.port ?? 0) { proxy in
                let proxies = try ProxySettings(environment: ["http_proxy": "http://127.0.0.1:\(proxy.port)"])
                try await withRegistry(.bearer(issuer(), realm: "http://elsewhere.example/token")) { registry in
                    other.script(RequestMatch(nil, .token, times: nil), .reply(.json(200, #"{"token":"t0ken"}"#)))
                    await #expect {
                        _ = try await withClient(credentials: credentials(registry), proxies: proxies) {
                            try await $0.pull(registry).manifest(.tag("v1"))
                        }
                    } throws: {
                        "\($0)".contains("credentials were not sent there")
                            && "\($0)".contains("name elsewhere.example in 'auth_realms' for \(registry.host)")
                    }
                    #expect(other.requests.count > 0)
                    #expect(!other.transcriptContains(password))
                    let settings = HostSettings(plainHTTP: true, authRealms: ["elsewhere.example"])
                    _ = try? await withClient(
                        credentials: credentials(registry),
                        hosts: [registry.host: settings],
                        proxies: proxies
                    ) { try await $0.pull(registry).manifest(.tag("v1")) }
                    #expect(other.transcriptContains(password))
                }
            }
        }
    }

    @Test("A redirect to another origin carries no Authorization; one within the registry does")
    func stripsAuthorization() async throws {
        let source = ByteSource.random(seed: 4, count: 100_000)
        try await ScriptedRegistry.with { storage in
            try await withRegistry(.basic(username: "ci", password: password)) { registry in
                for store in [registry.store, storage.store] {
                    store.putBlob(.bytes(source), source.descriptor.digest, in: "library/app")
                }
                let log = LogRecorder()
                registry.script(RequestMatch("GET", .blobs), .redirect(toOrigin: storage.url))
                try await withClient(credentials: credentials(registry), log: log) { client in
                    let bytes = try await client.pull(registry).bytes(of: source.descriptor)
                    #expect(bytes == source.buffer)
                }
                #expect(storage.requests.count == 1)
                #expect(storage.requests.allSatisfy { $0.headers["authorization"] == nil })
                #expect(!storage.transcriptContains(password))
                #expect(!log.text.contains(password) && !log.text.contains("s1gned") && !log.text.contains("Basic "))
                #expect(log.text.contains("registry request"))
            }
        }
    }

    @Test("Registries behind one name each have a scheme of their own", arguments: [true, false])
    func knowsRepositories(refuses: Bool) async throws {
        try await ScriptedRegistry.with { registry in
            for name in ["a/app", "b/app"] as [RepositoryName] { registry.load(image, repository: name, tag: "v1") }
            registry.script(
                RequestMatch(nil, .any, times: nil),
                .flip { request in
                    let authorization = request.headers["authorization"] ?? ""
                    if request.path == "/token" {
                        let isOurs = request.query["scope"]?.hasPrefix("repository:a/") == true
                        guard isOurs || !refuses else { return .status(403) }
                        return .reply(.json(200, #"{"token":"\#(isOurs ? "good" : "useless")"}"#))
                    }
                    let isBasic = request.path.hasPrefix("/v2/b/")
                    guard authorization != (isBasic ? "Basic Y2k6cA==" : "Bearer good") else { return nil }
                    let challenge = isBasic ? #"Basic realm="b""# : #"Bearer realm="/token",service="a""#
                    return .error(401, "UNAUTHORIZED", headers: ["WWW-Authenticate": challenge])
                }
            )
            try await withClient(credentials: credentials(registry, password: "p")) { client in
                for name in ["a/app", "b/app", "a/app", "b/app"] as [RepositoryName] {
                    let tags = try await client.pull(registry, name).tags()
                    #expect(tags == ["v1"])
                }
            }
            #expect(registry.requests.suffix(2).allSatisfy { $0.status == 200 })
        }
    }

    @Test("Redirects in a circle end")
    func endsCircles() async throws {
        try await withRegistry(.none) { registry in
            registry.script(RequestMatch("GET", .manifests, times: nil), .flip { .redirect(to: $0.uri) })
            await #expect(throws: RegistryError.self) {
                _ = try await withClient { try await $0.pull(registry).manifest(.tag("v1")) }
            }
            #expect(registry.requests.count == 11)
        }
    }

    @Test("An upload's place at another origin gets the bytes, but no Authorization")
    func stripsAuthorizationOfUploads() async throws {
        let source = ByteSource.random(seed: 5, count: 1000)
        try await ScriptedRegistry.with { storage in
            storage.script(RequestMatch("PUT", .any), .status(201))
            try await withRegistry(.basic(username: "ci", password: password)) { registry in
                registry.script(RequestMatch("POST", .uploads), .uploadLocation(.origin(storage.url)))
                try await withClient(credentials: credentials(registry)) { client in
                    _ = try await client.push(registry).store(SampleReader(source))
                }
                #expect(storage.requests.map(\.bodyByteCount) == [1000])
                #expect(storage.requests.allSatisfy { $0.headers["authorization"] == nil })
            }
        }
    }
}
