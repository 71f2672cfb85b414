import OCI
import Registry
import TestSupport
import Testing

/// Who is asked in a registry's place, and may stand in for several, is told which one is meant.
@Suite(.timeLimit(.minutes(10)))
struct NamespaceTests {
    private static let quay: RegistryHost = "quay.io"
    private let image = SampleImage.image()

    private func read(_ repository: Repository) async throws {
        _ = try await repository.resolve(.tag("v1"))
        _ = try await repository.manifest(.digest(image.digest))
        _ = try await repository.bytes(of: image.blobs[0].descriptor)
        _ = try await repository.blobSize(image.blobs[0].descriptor.digest, named: nil)
        _ = try await repository.tags()
        _ = try await repository.referrers(of: image.digest)
    }

    @Test("A mirror is told with each question whose answer is meant, and so is who stands under an endpoint")
    func names() async throws {
        try await ScriptedRegistry.with { registry async throws in
            registry.load(image, repository: "team/app", tag: "v1")
            try await withClient { client in
                let place = RepositoryReference(host: registry.host, repository: "team/app")
                try await read(client.repository(place, for: .pull, of: Self.quay))
            }
            for host in [Self.quay, .dockerHub, "registry:5000"] {
                try await withClient(hosts: [host: HostSettings(endpoint: registry.url)]) { client in
                    let place = RepositoryReference(host: host, repository: "team/app")
                    try await read(client.repository(place, for: .pull))
                }
            }
            let named = registry.requests.map { $0.query["ns"] }
            #expect(Set(named) == ["quay.io", "docker.io", "registry:5000"])
            #expect(named.count == 4 * 6)
        }
    }

    @Test("A registry that is asked itself, or is written to, is told nothing", arguments: [true, false])
    func namesNobody(hasEndpoint: Bool) async throws {
        try await ScriptedRegistry.with { registry async throws in
            registry.load(image, repository: "library/app", tag: "v1")
            let settings = hasEndpoint ? [registry.host: HostSettings(endpoint: registry.url)] : [:]
            try await withClient(hosts: settings) { try await read($0.pull(registry, "library/app")) }
            try await withClient(hosts: [Self.quay: HostSettings(endpoint: registry.url)]) { client in
                let place = RepositoryReference(host: Self.quay, repository: "library/app")
                let repository = client.repository(place, for: .push)
                _ = try await repository.resolve(.tag("v1"))
                _ = try await repository.store(SampleReader(.random(seed: 3, count: 100)))
            }
            #expect(registry.requests.count >= 9)
            #expect(registry.requests.allSatisfy { !$0.uri.contains("ns=") })
        }
    }

    @Test(
        "Settings of a registry hold under both of its names",
        arguments: [("quay.io", "quay.io:443"), ("quay.io:443", "quay.io"), ("quay.io:443", "quay.io:443")]
            as [(RegistryHost, RegistryHost)]
    )
    func settings(named name: RegistryHost, asked host: RegistryHost) async throws {
        try await ScriptedRegistry.with { registry async throws in
            registry.load(image, repository: "team/app", tag: "v1")
            try await withClient(hosts: [name: HostSettings(endpoint: registry.url)]) { client in
                try await read(client.repository(RepositoryReference(host: host, repository: "team/app"), for: .pull))
            }
            #expect(registry.requests.count == 6)
        }
    }

    @Test("Neither token services nor who is led to are told")
    func namesToNobodyElse() async throws {
        try await ScriptedRegistry.with { storage in
            try await ScriptedRegistry.with(authentication: .bearer(TokenIssuer())) { registry async throws in
                registry.load(image, repository: "team/app", tag: "v1")
                storage.load(image, repository: "team/app", tag: "v1")
                registry.script(
                    RequestMatch("GET", .blobs, times: nil),
                    .flip { .redirect(to: storage.url + $0.path + "?sig=x") }
                )
                try await withClient { client in
                    let place = RepositoryReference(host: registry.host, repository: "team/app")
                    try await read(client.repository(place, for: .pull, of: Self.quay))
                }
                #expect(storage.requests.map { $0.uri.drop { $0 != "?" } } == ["?sig=x"])
                let tokens = registry.requests.filter { $0.path == "/token" }
                #expect(tokens.allSatisfy { !$0.contains("quay.io") } && !tokens.isEmpty)
            }
        }
    }

    @Test("A next page is of the same registry's list, whether its Link says so or not")
    func keepsNames() async throws {
        try await ScriptedRegistry.with { registry async throws in
            registry.load(image, repository: "team/app", tag: "a")
            for tag in ["b", "c"] as [TagName] { registry.store.tag(tag, image.digest, in: "team/app") }
            registry.options.pageSize = 1
            registry.script(
                RequestMatch("GET", .tags),
                .header("Link", "</v2/team/app/tags/list?last=a&n=1&ns=quay.io>; rel=\"next\"")
            )
            let tags = try await withClient { client in
                let place = RepositoryReference(host: registry.host, repository: "team/app")
                return try await client.repository(place, for: .pull, of: Self.quay).tags()
            }
            #expect(tags == ["a", "b", "c"])
            #expect(
                registry.requests.map { $0.uri.drop { $0 != "?" } }
                    == ["?n=1000&ns=quay.io", "?last=a&n=1&ns=quay.io", "?last=b&n=1&ns=quay.io"]
            )
        }
    }

    @Test("What a store to which the registry leads says of itself is no matter")
    func ignoresStores() async throws {
        try await ScriptedRegistry.with { storage in
            storage.load(image, repository: "team/app", tag: "v1")
            storage.script(RequestMatch(times: nil), .header("OCI-Namespace", "docker.io"))
            try await ScriptedRegistry.with { registry in
                registry.script(RequestMatch("GET", .blobs, times: nil), .redirect(toOrigin: storage.url))
                let bytes = try await withClient { client in
                    let place = RepositoryReference(host: registry.host, repository: "team/app")
                    return try await client.repository(place, for: .pull, of: Self.quay)
                        .bytes(of: image.blobs[0].descriptor)
                }
                #expect(bytes == image.blobs[0].source.buffer)
            }
        }
    }

    @Test(
        "What is said to be another registry's is not believed",
        arguments: ["docker.io", "quay.io", "quay.io:443", "x y"]
    )
    func disbelieves(said: String) async throws {
        try await ScriptedRegistry.with { registry async throws in
            registry.load(image, repository: "team/app", tag: "v1")
            registry.script(RequestMatch(nil, .any, times: nil), .header("OCI-Namespace", said))
            try await withClient { client async throws in
                let place = RepositoryReference(host: registry.host, repository: "team/app")
                let repository = client.repository(place, for: .pull, of: Self.quay)
                guard said == "docker.io" else {
                    #expect(try await repository.resolve(.tag("v1"))?.digest == image.digest)
                    return
                }
                await #expect { _ = try await repository.resolve(.tag("v1")) } throws: {
                    "\($0)".contains("asked about quay.io, it answers about docker.io")
                }
                await #expect(throws: RegistryError.self) { _ = try await repository.tags() }
            }
        }
    }
}
