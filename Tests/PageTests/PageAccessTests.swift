import OCI
import Serve
import TestSupport
import Testing

@testable import Page

@Suite(.timeLimit(.minutes(10)))
struct PageAccessTests {
    /// `htpasswd -nbB -C 4 me pw`, as that program wrote it.
    private static let passwords = "me:$2y$04$WGtDytQ6Shu5rK4/zUMbBuR7HDavy8TYBNVkq6xvr.KPYpN0TFqnu\n"

    @Test("Where a password is needed to pull, it is needed for the page too")
    func password() async throws {
        let fixture = try PageFixture([["secret-project:1"]])
        try await TemporaryDirectory.with { path async throws in
            try Files.write(Self.passwords, to: "\(path)/htpasswd")
            try await fixture.serve(passwordFile: "\(path)/htpasswd") { server async throws in
                let host = try RegistryHost(server.address)
                for uri in ["/", "/?q=secret", "/?repository=docker.io/library/secret-project"] {
                    let refused = try await RawClient(host).get(uri)
                    #expect(refused.status == 401)
                    #expect(refused.headers["WWW-Authenticate"]?.hasPrefix("Basic ") == true)
                    #expect(!refused.text.contains("secret"))
                    #expect(try await RawClient(host, credentials: "me:wrong").get(uri).status == 401)
                    let admitted = try await RawClient(host, credentials: "me:pw").get(uri)
                    #expect(admitted.status == 200 && admitted.text.contains("secret-project"))
                }
                #expect(fixture.snapshotsTaken.value == 1)
            }
        }
    }

    @Test("The listener of the metrics has no page")
    func metricsListener() async throws {
        let fixture = try PageFixture([["alpine:1"]])
        try await fixture.serve(metricsListen: PageFixture.anyPort) { server async throws in
            let address = try #require(server.metricsAddress)
            #expect(try await RawClient(RegistryHost(address)).get("/").status == 404)
        }
    }
}
