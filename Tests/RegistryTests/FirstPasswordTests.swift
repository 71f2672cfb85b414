import Concurrency
import OCI
import Registry
import TestSupport
import Testing

/// Passwords that many requests carry at once before anybody has heard whether they are right.
@Suite(.timeLimit(.minutes(10)))
struct FirstPasswordTests {
    private let image = SampleImage.image()
    private let names = (1...20).compactMap { try? RepositoryName("library/app\($0)") }

    /// A registry with twenty repositories, and a client with a password for it.
    private func withRegistry(
        hasTokens: Bool,
        password: String = "p4ss",
        clock: TestClock = TestClock(),
        timeoutClock: ManualClock = ManualClock(),
        _ body: (ScriptedRegistry, RegistryClient) async throws -> Void
    ) async throws {
        let issuer = TokenIssuer(accounts: ["ci": "p4ss"])
        issuer.rules.anonymousActions = []
        let authentication = hasTokens ? Authentication.bearer(issuer) : .basic(username: "ci", password: "p4ss")
        try await ScriptedRegistry.with(authentication: authentication) { registry in
            for name in names { registry.load(image, repository: name, tag: "v1") }
            let credentials = registry.host.passwordVariables("ci", password)
            try await withClient(credentials: credentials, clock: clock, timeoutClock: timeoutClock) {
                try await body(registry, $0)
            }
        }
    }

    /// Asks for all repositories' tags at once; some may fail.
    private func askForAll(_ registry: ScriptedRegistry, _ client: RegistryClient) async {
        await withTaskGroup(of: Void.self) { group in
            for name in names { group.addTask { _ = try? await client.pull(registry, name).manifest(.tag("v1")) } }
        }
    }

    @Test("Of many who ask at once with a wrong password four present it", arguments: [true, false])
    func isSpared(hasTokens: Bool) async throws {
        try await withRegistry(hasTokens: hasTokens, password: "old") { registry, client async throws in
            for _ in 0..<2 { await askForAll(registry, client) }
            #expect(registry.requests.count { $0.isWithPassword } == 4)
        }
    }

    @Test("One that is wrong by now is presented four times as well", arguments: [true, false])
    func hasChanged(hasTokens: Bool) async throws {
        let (clock, timeouts) = (TestClock(), ManualClock())
        try await withRegistry(hasTokens: hasTokens, clock: clock, timeoutClock: timeouts) {
            registry,
            client async throws in
            _ = try await client.push(registry).resolve(.tag("v1"))
            clock.advance(by: .seconds(61))
            timeouts.advance(by: .seconds(61))
            let issuer = TokenIssuer(accounts: ["ci": "new"])
            issuer.rules.anonymousActions = []
            registry.authentication = hasTokens ? .bearer(issuer) : .basic(username: "ci", password: "new")
            registry.tokenIssuer?.rules.accounts = ["ci": "new"]
            registry.forgetRequests()
            await askForAll(registry, client)
            #expect(registry.requests.count { $0.isWithPassword } == 4)
        }
    }

    @Test(
        "Who has answered to a password with anything but a refusal is asked by all at once",
        arguments: [Action.all([]), .status(404), .error(403, "DENIED")]
    )
    func others(answer: Action) async throws {
        try await withRegistry(hasTokens: false) { registry, client async throws in
            registry.script(RequestMatch("GET", .manifests), answer)
            _ = try? await client.pull(registry, "library/app1").manifest(.tag("v1"))
            let gate = Gate()
            registry.script(RequestMatch("GET", .manifests, times: nil), .holdHead(gate))
            async let all: Void = askForAll(registry, client)
            try await gate.waitForArrivals(4)
            gate.open()
            await all
        }
    }

    @Test("A first answer that does not come holds nobody back for long", arguments: [true, false])
    func hangs(hasTokens: Bool) async throws {
        let (gate, clock) = (Gate(), ManualClock())
        try await withRegistry(hasTokens: hasTokens, timeoutClock: clock) { registry, client async throws in
            registry.script(RequestMatch("GET", hasTokens ? .token : .manifests), .holdHead(gate))
            try await withThrowingTaskGroup(of: Void.self) { group in
                for name in names.prefix(2) {
                    group.addTask { () async throws in
                        #expect(try await client.pull(registry, name).manifest(.tag("v1")) != nil)
                    }
                }
                try await gate.waitForArrivals()
                clock.advance(by: .seconds(6))
                try await group.next()
                gate.open()
                try await group.waitForAll()
            }
        }
    }

    @Test("Docker Hub's API is presented a wrong password twice, whatever the number of repositories")
    func atDockerHub() async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch("POST", "/v2/auth", times: nil), .status(401))
            let user = ["IMGLIFE_DOCKER_IO_USERNAME": "robot", "IMGLIFE_DOCKER_IO_PASSWORD": "old"]
            let clock = TestClock()
            try await withHubClient(registry, environment: user, clock: clock) { client in
                func ask() async {
                    for name in names {
                        let location = RepositoryReference(host: .dockerHub, repository: name)
                        let error = await #expect(throws: RegistryError.self) {
                            try await client.hubTags(of: location)
                        }
                        #expect(error?.kind == .unauthorized && error?.location == location)
                    }
                }
                await ask()
                #expect(registry.requests.count == 2)
                clock.advance(by: .seconds(61))
                await ask()
                #expect(registry.requests.count == 3)
            }
        }
    }
}

extension RecordedRequest {
    fileprivate var isWithPassword: Bool { headers["authorization"]?.hasPrefix("Basic ") == true }
}
