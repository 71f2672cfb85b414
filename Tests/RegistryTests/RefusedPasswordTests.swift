import Concurrency
import OCI
import TestSupport
import Testing

@testable import Registry

/// Passwords that are refused: who presents a wrong one too often locks the account.
@Suite(.timeLimit(.minutes(10)))
struct RefusedPasswordTests {
    private static let names: [RepositoryName] = ["library/app", "library/b", "library/c", "library/d", "library/e"]
    private let image = SampleImage.image()
    private let issuer = TokenIssuer()

    /// A registry with five repositories, and a client with a password for it.
    private func withRegistry(
        hasTokens: Bool,
        password: String = "old",
        clock: TestClock = TestClock(),
        _ body: (ScriptedRegistry, RegistryClient) async throws -> Void
    ) async throws {
        try await ScriptedRegistry.with(authentication: authentication(hasTokens: hasTokens)) { registry in
            for name in Self.names { registry.load(image, repository: name, tag: "v1") }
            let credentials = registry.host.passwordVariables("ci", password)
            try await withClient(credentials: credentials, clock: clock) { try await body(registry, $0) }
        }
    }

    private func authentication(hasTokens: Bool, password: String = "p4ss") -> Authentication {
        issuer.rules.accounts = ["ci": password]
        issuer.rules.anonymousActions = []
        return hasTokens ? .bearer(issuer) : .basic(username: "ci", password: password)
    }

    /// How often a password came.
    private func presentations(_ registry: ScriptedRegistry) -> Int {
        registry.requests.count { $0.headers["authorization"]?.hasPrefix("Basic ") == true }
    }

    @Test("One that is doubted is presented once where people log in, whoever is about to meanwhile")
    func isPresentedOnce() async throws {
        let (clock, asked) = (TestClock(), Watched(0))
        let passwords = RefusedPasswords(Timer(clock), timeouts: Timer(clock))
        let key = RefusedPasswords.Key(taker: .registry, header: Secret("Basic x"))
        let retry = Retry(RegistryConfiguration(logger: LogRecorder().logger))
        let context = retry.context(.resolve, try RepositoryReference("127.0.0.1/app"))
        let other = retry.context(.resolve, try RepositoryReference("127.0.0.1/other"))
        for _ in 1...5000 {
            passwords.refused(key, by: context.error(.unauthorized, "no"))
            // Another repository takes it, so nobody waits for the first word of it.
            let turn = try await passwords.check(key, other) { true }
            passwords.heard(key)
            turn?.end()
            await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        do {
                            _ = try await passwords.check(key, context) {
                                asked.update { $0 += 1 }
                                return false
                            }
                            return true
                        } catch { return false }
                    }
                }
                for await isSent in group { #expect(!isSent) }
            }
            clock.advance(by: .seconds(61))
        }
        #expect(asked.value == 5000)
    }

    @Test(
        "One that is refused where people log in rests, for less long where it has been taken before",
        arguments: [true, false]
    )
    func rests(wasTaken: Bool) async throws {
        let (clock, asked) = (TestClock(), Watched(0))
        let passwords = RefusedPasswords(Timer(clock), timeouts: Timer(clock))
        let key = RefusedPasswords.Key(taker: .registry, header: Secret("Basic x"))
        let retry = Retry(RegistryConfiguration(logger: LogRecorder().logger))
        let context = retry.context(.resolve, try RepositoryReference("127.0.0.1/app"))
        if wasTaken { passwords.accepted(key) }
        clock.advance(by: .seconds(11))
        passwords.refused(key, by: context.error(.unauthorized, "no"))
        for (time, count) in [(0, 1), (9, 1), (2, wasTaken ? 2 : 1)] {
            clock.advance(by: .seconds(time))
            await #expect(throws: RegistryError.self) {
                _ = try await passwords.check(key, context) {
                    asked.update { $0 += 1 }
                    return false
                }
            }
            #expect(asked.value == count)
        }
    }

    @Test(
        "A wrong password is presented twice, and for two more repositories, and each refusal tells the same",
        arguments: [true, false]
    )
    func isSpared(hasTokens: Bool) async throws {
        try await withRegistry(hasTokens: hasTokens) { registry, client async throws in
            var texts: Set<String> = []
            for _ in 0..<5 {
                for name in Self.names {
                    do { _ = try await client.push(registry, name).manifest(.tag("v1")) } catch {
                        texts.insert("\(error)")
                    }
                    await #expect(throws: RegistryError.self) {
                        _ = try await client.push(registry, name).store(SampleReader(.random(seed: 1, count: 10)))
                    }
                }
            }
            #expect(
                texts.count == 1 && texts.allSatisfy { $0.contains("refused the password of user 'ci' (401") },
                "\(texts)"
            )
            #expect(presentations(registry) == 4)
        }
    }

    @Test(
        "Where passwords are taken for repositories alone, one that refuses it speaks for no other",
        arguments: [true, false]
    )
    func takesNoneAtItsBase(hasTokens: Bool) async throws {
        try await withRegistry(hasTokens: hasTokens, password: "p4ss") { registry, client async throws in
            let challenge: HeaderList = hasTokens ? [:] : ["WWW-Authenticate": #"Basic realm="x""#]
            registry.script(
                RequestMatch(times: nil) { request in
                    let scopes = request.query.all("scope")
                    return hasTokens
                        ? request.path.contains("token")
                            && (scopes.isEmpty || scopes.contains { $0.contains(":library/app:") })
                        : request.path == "/v2/" || request.path.contains("/library/app/")
                },
                .error(401, "UNAUTHORIZED", headers: challenge)
            )
            for _ in 0..<2 {
                for name in Self.names {
                    let found = try? await client.pull(registry, name).manifest(.tag("v1"))
                    #expect((found != nil) == (name != "library/app"))
                }
            }
        }
    }

    @Test(
        "After a minute a password that was wrong is presented again, and taken where it is right by now",
        arguments: [true, false]
    )
    func heals(hasTokens: Bool) async throws {
        let clock = TestClock()
        try await withRegistry(hasTokens: hasTokens, clock: clock) { registry, client async throws in
            let source = client.pull(registry)
            for _ in 0..<4 { await #expect(throws: RegistryError.self) { _ = try await source.manifest(.tag("v1")) } }
            registry.authentication = authentication(hasTokens: hasTokens, password: "old")
            await #expect(throws: RegistryError.self) { _ = try await source.manifest(.tag("v1")) }
            clock.advance(by: .seconds(61))
            #expect(try await source.manifest(.tag("v1")) != nil)
        }
    }

    @Test(
        "A password that one repository refuses is presented for the others, and for that one again",
        arguments: [true, false]
    )
    func isRight(hasTokens: Bool) async throws {
        try await withRegistry(hasTokens: hasTokens, password: "p4ss") { registry, client async throws in
            let challenge: HeaderList = hasTokens ? [:] : ["WWW-Authenticate": #"Basic realm="x""#]
            registry.script(
                RequestMatch(times: nil) { request in
                    hasTokens
                        ? request.query.all("scope").contains { $0.contains(":library/b:") }
                        : request.path.contains("/library/b/")
                },
                .error(401, "UNAUTHORIZED", headers: challenge)
            )
            for _ in 0..<2 {
                for name in Self.names {
                    let found = try? await client.pull(registry, name).manifest(.tag("v1"))
                    #expect((found != nil) == (name != "library/b"))
                }
            }
            registry.removeScript()
            #expect(try await client.pull(registry, "library/b").manifest(.tag("v1")) != nil)
        }
    }

    @Test("A password that was taken a moment ago is not doubted for one refusal", arguments: [false])
    func oddRefusal(hasTokens: Bool) async throws {
        try await withRegistry(hasTokens: hasTokens, password: "p4ss") { registry, client async throws in
            let source = client.pull(registry)
            _ = try await source.manifest(.tag("v1"))
            registry.script(RequestMatch("GET", .manifests), .error(401, "UNAUTHORIZED"))
            await #expect(throws: RegistryError.self) { _ = try await source.manifest(.tag("v1")) }
            #expect(try await source.manifest(.tag("v1")) != nil)
            #expect(!registry.requests.contains { $0.path == "/v2/" })
        }
    }

    @Test("Another password is used as soon as it is found", arguments: [true, false])
    func isReplaced(hasTokens: Bool) async throws {
        try await TemporaryDirectory.with { directory async throws in
            try await ScriptedRegistry.with(authentication: authentication(hasTokens: hasTokens)) {
                registry async throws in
                registry.load(image, repository: "library/app", tag: "v1")
                func logIn(_ auth: String) throws {
                    let entries = #"{"auths": {"\#(registry.host)": {"auth": "\#(auth)"}}}"#
                    try Files.write(entries, to: "\(directory)/config.json")
                }
                try logIn("Y2k6b2xk")
                try await withClient(credentials: ["DOCKER_CONFIG": "\(directory)"]) { client async throws in
                    let source = client.pull(registry)
                    for _ in 0..<4 {
                        await #expect(throws: RegistryError.self) { _ = try await source.manifest(.tag("v1")) }
                    }
                    #expect(presentations(registry) == 2)
                    try logIn("Y2k6cDRzcw==")
                    #expect(try await source.manifest(.tag("v1")) != nil)
                }
            }
        }
    }
}
