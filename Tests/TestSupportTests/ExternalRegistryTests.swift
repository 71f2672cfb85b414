import OCI
import TestSupport
import Testing

@Suite(.requires(.tool("docker-registry")), .timeLimit(.minutes(10)))
struct ExternalRegistryTests {
    @Test("It takes an image, logs the requests, and holds nothing after it was emptied")
    func lifeCycle() async throws {
        let image = SampleImage.multiPlatform()
        let host = try await ExternalRegistry.with { registry async throws in
            try await registry.push(image, repository: "a/b", tag: "1")
            let uri = "/v2/a/b/manifests/1"
            let accept: HeaderList = ["Accept": image.top.mediaType.description]
            #expect(try await registry.client.get(uri, accept).body == image.topBytes)
            #expect(try await registry.accessLog().contains("PUT \(uri)"))
            #expect(Files.exists("\(registry.storage)/docker/registry/v2/repositories/a/b"))
            try await registry.stop()
            await #expect(throws: (any Error).self) { try await registry.client.get("/v2/") }
            try await registry.start()
            #expect(try await registry.client.get(uri, accept).status == 200)
            try await registry.empty()
            #expect(try await registry.client.get(uri, accept).status == 404)
            return registry.host
        }
        await #expect(throws: (any Error).self) { try await RawClient(host).get("/v2/") }
    }

    @Test("It is gone when the scope throws")
    func thrown() async throws {
        struct Mine: Error {}
        var host: RegistryHost?
        await #expect(throws: Mine.self) {
            try await ExternalRegistry.with { registry async throws in
                host = registry.host
                throw Mine()
            }
        }
        let gone = try #require(host)
        await #expect(throws: (any Error).self) { try await RawClient(gone).get("/v2/") }
    }

    @Test("It is gone when its task was cancelled")
    func cancelled() async throws {
        let host = Watched<RegistryHost?>(nil)
        await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await ExternalRegistry.with { registry in
                    host.update { $0 = registry.host }
                    try await ManualClock().sleep(for: .seconds(1))
                }
            }
            try? await host.wait { $0 != nil }
            group.cancelAll()
        }
        let gone = try #require(host.value)
        await #expect(throws: (any Error).self) { try await RawClient(gone).get("/v2/") }
    }

    @Test(
        "It serves TLS and asks for a password",
        .requires(.tool("htpasswd"), .tool("openssl"))
    )
    func tlsAndPassword() async throws {
        let certificates = try await TestCertificates.shared()
        try await ExternalRegistry.with(tls: certificates.server, htpasswd: ("me", "pw")) { registry async throws in
            #expect(try await registry.client.get("/v2/").status == 200)
            var stranger = registry.client
            stranger.credentials = nil
            #expect(try await stranger.get("/v2/").status == 401)
        }
    }
}
