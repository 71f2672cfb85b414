import OCI
import Registry
import TestSupport
import Testing

/// What clients that share connections find out together about how a registry wants to be asked.
@Suite(.timeLimit(.minutes(5)))
struct SharedAuthorizationTests {
    /// How many requests for tokens, and how many without one, two clients make that read the same two repositories.
    private func requests(
        _ first: CredentialStore,
        _ second: CredentialStore
    ) async throws -> (tokens: Int, refused: Int) {
        let issuer = TokenIssuer(accounts: [:])
        return try await ScriptedRegistry.with(authentication: .bearer(issuer)) { registry in
            let names: [RepositoryName] = ["library/a", "library/b"]
            for name in names { registry.load(.image(), repository: name, tag: "v1") }
            var configuration = RegistryConfiguration(logger: LogRecorder().logger)
            try await RegistryConnections.with(configuration) { connections in
                configuration.connections = connections
                configuration.credentials = first
                try await RegistryClient.with(configuration) { one in
                    configuration.credentials = second
                    try await RegistryClient.with(configuration) { other async throws in
                        for client in [one, other, one] {
                            for name in names {
                                #expect(try await client.pull(registry, name).manifest(.tag("v1")) != nil)
                            }
                        }
                    }
                }
            }
            let tokens = registry.count(pathContains: "/token")
            return (tokens, registry.requests.count - tokens - 6)
        }
    }

    @Test("Who asks with the same credentials is given one token a repository, and asked for it once")
    func sameCredentials() async throws {
        let store = try CredentialStore(environment: [:], home: nil)
        let (tokens, refused) = try await requests(store, store)
        #expect(tokens == 2 && refused == 1)
    }

    @Test("Who asks with others has tokens of its own")
    func otherCredentials() async throws {
        let (tokens, refused) = try await requests(
            try CredentialStore(environment: [:], home: nil),
            try CredentialStore(environment: [:], home: nil)
        )
        #expect(tokens == 4 && refused == 2)
    }
}
