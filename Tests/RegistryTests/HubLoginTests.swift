import OCI
import Registry
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct HubLoginTests {
    private let password = "c4nary-passw0rd"
    private var user: [String: String] {
        ["IMGLIFE_DOCKER_IO_USERNAME": "robot", "IMGLIFE_DOCKER_IO_PASSWORD": password]
    }

    private func rows(_ count: Int) -> [HubStandIn.Row] { (0..<count).map { HubStandIn.Row("1.\($0)") } }

    @Test("A password is exchanged for a token once, whatever the number of pages")
    func exchange() async throws {
        try await ScriptedRegistry.with { registry in
            let hub = HubStandIn(registry, rows: rows(500))
            hub.requireLogin()
            let log = LogRecorder()
            let tags = try await withHubClient(registry, environment: user, log: log) {
                try await $0.hubTags(of: .alpine)
            }
            #expect(tags?.count == 500)
            #expect(hub.issuedTokens == 1)
            let login = try #require(registry.requests.first)
            #expect(login.path == "/v2/auth/token")
            #expect(login.contains(#""identifier":"robot""#) && login.contains(#""secret":"\#(password)""#))
            #expect(!log.text.contains(password) && !log.text.contains("jwt-1"))
        }
    }

    @Test("Where there is no exchange for tokens, the older log-in is used")
    func olderLogin() async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch("POST", .exactly("/v2/auth/token"), times: nil), .status(404))
            HubStandIn(registry, rows: rows(1)).requireLogin()
            let tags = try await withHubClient(registry, environment: user) { try await $0.hubTags(of: .alpine) }
            #expect(tags?.count == 1)
            #expect(registry.requests[1].path == "/v2/users/login")
            #expect(registry.requests[1].contains(#""username":"robot""#))
        }
    }

    @Test("A token that has expired is replaced once")
    func expiry() async throws {
        try await ScriptedRegistry.with { registry in
            let hub = HubStandIn(registry, rows: rows(1))
            hub.requireLogin()
            try await withHubClient(registry, environment: user) { client in
                _ = try await client.hubTags(of: .alpine)
                hub.requireLogin()
                let again = try await client.hubTags(of: .alpine)
                #expect(again?.count == 1)
                #expect(hub.issuedTokens == 2)
                registry.removeScript()
                registry.script(RequestMatch("POST", "/v2/auth", times: nil), .reply(.json(200, #"{"token":"void"}"#)))
                registry.script(RequestMatch("GET", "/v2/namespaces/", times: nil), .status(401))
                registry.forgetRequests()
                await #expect(throws: RegistryError.self) { try await client.hubTags(of: .alpine) }
                #expect(registry.transcript.map { $0.prefix(4) } == ["GET ", "POST", "GET "])
            }
        }
    }

    @Test("A wrong password is an error that does not show it")
    func wrongPassword() async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(
                RequestMatch("POST", "/v2/auth", times: nil),
                .status(401, body: #"{"detail":"\#(password)"}"#)
            )
            await #expect {
                _ = try await withHubClient(registry, environment: user) { try await $0.hubTags(of: .alpine) }
            } throws: { error in
                (error as? RegistryError)?.kind == .unauthorized && !"\(error)".contains(password)
                    && "\(error)".contains("IMGLIFE_DOCKER_IO_USERNAME")
            }
            #expect(registry.requests.count == 1)
        }
    }

    @Test("A log-in that fails for several repositories at once is told to each of its own")
    func sharedFailure() async throws {
        try await ScriptedRegistry.with { registry in
            let gate = Gate()
            registry.script(RequestMatch("POST", "/v2/auth", times: nil), .all([.status(403), .holdHead(gate)]))
            try await withHubClient(registry, environment: user) { client in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for name in ["library/a", "library/b", "library/c", "library/d"] as [RepositoryName] {
                        let location = RepositoryReference(host: .dockerHub, repository: name)
                        group.addTask { () async throws in
                            let error = await #expect(throws: RegistryError.self) {
                                try await client.hubTags(of: location)
                            }
                            #expect(error?.location == location && error?.action == .getToken)
                        }
                    }
                    try await gate.waitForArrivals()
                    for _ in 0..<1000 { await Task.yield() }
                    gate.open()
                    try await group.waitForAll()
                }
            }
        }
    }

    @Test("A token of ours is sent as it is")
    func ownToken() async throws {
        try await ScriptedRegistry.with { registry in
            _ = HubStandIn(registry, rows: rows(1))
            _ = try await withHubClient(registry, environment: ["IMGLIFE_DOCKER_IO_TOKEN": "t0ken"]) {
                try await $0.hubTags(of: .alpine)
            }
            #expect(registry.requests.map { $0.headers["authorization"] } == ["Bearer t0ken"])
        }
    }

    @Test("Neither passwords nor tokens follow a redirect to another origin")
    func redirects() async throws {
        try await ScriptedRegistry.with(hostName: "localhost") { other in
            _ = HubStandIn(other, rows: rows(1))
            try await ScriptedRegistry.with { registry in
                registry.script(RequestMatch("GET", "/v2/namespaces/", times: nil), .redirect(toOrigin: other.url))
                HubStandIn(registry, rows: rows(1)).requireLogin()
                let tags = try await withHubClient(registry, environment: user) { try await $0.hubTags(of: .alpine) }
                #expect(tags?.count == 1)
                #expect(other.requests.count == 1)
                registry.removeScript()
                registry.script(RequestMatch("POST", times: nil), .redirect(toOrigin: other.url))
                await #expect(throws: RegistryError.self) {
                    try await withHubClient(registry, environment: user) { try await $0.hubTags(of: .alpine) }
                }
            }
            #expect(other.requests.count == 1)
            #expect(!other.transcriptContains(password) && !other.transcriptContains("jwt-"))
        }
    }
}
