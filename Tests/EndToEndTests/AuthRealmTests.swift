import OCI
import TestSupport
import Testing

/// A registry whose token service is somebody else's, as far as its name tells.
@Suite(.timeLimit(.minutes(10)))
struct AuthRealmTests {
    @Test("'auth_realms' lets credentials go to the token service that it names, and to no other")
    func sendsCredentials() async throws {
        let issuer = TokenIssuer(accounts: ["ci": "p4ss"])
        issuer.rules.anonymousActions = []
        var configuration = ScriptedRegistry.Configuration()
        configuration.tokenIssuer = issuer
        try await ScriptedRegistry.with(configuration) { service async throws in
            // Names that are not this machine's lead to the service.
            try await TinyProxy.with(to: service.host.port ?? 0) { proxy async throws in
                configuration.authentication = .bearer(issuer, realm: "http://auth.elsewhere.example/token")
                try await ScriptedRegistry.with(configuration) { upstream async throws in
                    upstream.load(.image(), repository: "up/app", tag: "v1")
                    try await ScriptedRegistry.with { target async throws in
                        try await Workspace.with { workspace async throws in
                            var workspace = workspace
                            let prefix = "IMGLIFE_127_0_0_1_\(upstream.host.port ?? 0)"
                            workspace.environment["\(prefix)_USERNAME"] = "ci"
                            workspace.environment["\(prefix)_PASSWORD"] = "p4ss"
                            workspace.environment["http_proxy"] = "http://127.0.0.1:\(proxy.port)"
                            for (realm, status) in [
                                ("other.example", 1), ("elsewhere.example", 1), ("auth.elsewhere.example", 0),
                            ] {
                                service.forgetRequests()
                                try workspace.configure(
                                    Entry(upstream.place("up/app"), to: target.place("down/app"), "tag: v1"),
                                    head: "registries:\n  '\(upstream.host)':\n    auth_realms: [\(realm)]\n"
                                )
                                let result = try await workspace.run("sync", "--progress", "none")
                                #expect(result.status == status, "\(realm): \(result.errors)")
                                #expect(service.transcriptContains("p4ss") == (status == 0))
                                #expect(result.output.contains("'auth_realms'") == (status == 1), "\(result.output)")
                            }
                            #expect(target.store.tags(of: "down/app")["v1"] != nil)
                        }
                    }
                }
            }
        }
    }
}
