import Cache
import OCI
import TestSupport
import Testing

@testable import Serve

/// What leads to this server and through it, against a server that runs.
@Suite(.timeLimit(.minutes(5)))
struct AddressTests {
    private static let image = SampleImage.image(layers: [.init(seed: 1, size: 5000)])

    @Test(
        "What the cache holds is served by the names that the catalog lists, without any configuration",
        arguments: [
            "registry.lab:5000/team/app", "registry:5000/team/app", "quay.io/team/app", "[::1]:5000/team/app",
            "[fd00::]/team/app",
        ]
    )
    func catalogNames(place: String) async throws {
        try await ServedCache.with([("\(place):1", Self.image)]) { served async throws in
            let name = try RepositoryReference(place).listedName
            #expect(try await served.get("/v2/_catalog").text.contains("\"\(name)\""))
            #expect(try await served.get("/v2/\(name)/manifests/1").status == 200)
            #expect(try await served.get("/v2/\(name)/tags/list").status == 200)
            // A host in front and ns together, as containerd's override_path has it.
            let host = try RepositoryReference(place).host
            #expect(try await served.get("/v2/\(name)/manifests/1?ns=\(host)").status == 200)
            #expect(try await served.get("/v2/team/app/manifests/1?ns=\(host)").status == 200)
        }
    }

    @Test(
        "A port of 443 behind a host says nothing, and a second port makes it no host",
        arguments: [
            ("quay.io", "quay.io:443", 200), ("quay.io", "QUAY.io", 200),
            ("registry.lab:5000", "registry.lab:5000:443", 404),
            ("registry.lab:443", "registry.lab:443", 200), ("registry.lab:443", "registry.lab:443:443", 404),
            ("registry.lab:443", "registry.lab", 200), ("localhost:443", "localhost", 404),
        ]
    )
    func ports(host: String, namespace: String, status: Int) async throws {
        try await ServedCache.with([("\(host)/app:1", Self.image)]) { served async throws in
            #expect(try await served.get("/v2/app/manifests/1?ns=\(namespace)").status == status)
            let catalog = try await served.get("/v2/_catalog?ns=\(namespace)")
            #expect(catalog.status == status)
            #expect(catalog.text.contains(#"{"repositories":["app"]}"#) == (status == 200), "\(catalog.text)")
        }
    }

    @Test("A request that this server has sent itself is refused at once, and others' are not")
    func loop() async throws {
        var configuration = ServerConfiguration.test()
        configuration.pseudonym = "imglife-abc"
        try await ServedCache.with([("quay.io/app:1", Self.image)], configuration: configuration) {
            served async throws in
            let uri = "/v2/quay.io/app/manifests/1"
            let answer = try await served.get(uri, ["Via": "1.1 varnish, 1.1 imglife-abc"])
            #expect(answer.status == 508 && answer.text.contains("its own upstream"))
            #expect(try await served.get(uri, ["Via": "1.1 imglife-xyz"]).status == 200)
        }
    }

    @Test("The access log tells the ns that decided")
    func loggedNamespace() async throws {
        try await ServedCache.with([("quay.io/app:1", Self.image)]) { served async throws in
            _ = try await served.get("/v2/app/manifests/1?ns=quay.io&x=secret")
            try await served.log.wait(for: "/v2/app/manifests/1")
            #expect(served.log.text.contains("\"ns\": quay.io"))
            #expect(!served.log.text.contains("secret"))
        }
    }
}
