import OCI
import TestSupport
import Testing

@testable import Registry

/// Registries that stand before others: what is asked for is somewhere else, where nobody knows us.
@Suite(.timeLimit(.minutes(10)))
struct GuestTests {
    private let image = SampleImage.image()
    private static let source = ByteSource.random(seed: 51, count: 3 << 20)

    /// Runs a body with a name that leads everything to another registry, and that one.
    private func withVanity(
        _ authentication: Authentication,
        status: Int = 307,
        _ body: (_ name: ScriptedRegistry, _ real: ScriptedRegistry) async throws -> Void
    ) async throws {
        try await ScriptedRegistry.with(authentication: authentication, hostName: "localhost") { real in
            try await ScriptedRegistry.with { name in
                name.script(RequestMatch(nil, .any, times: nil), .flip { .redirect(status, to: real.url + $0.uri) })
                try await body(name, real)
            }
        }
    }

    @Test("Behind a vanity name a token for everybody is asked for once, and credentials stay away")
    func pullsAsGuest() async throws {
        let issuer = TokenIssuer(accounts: [:])
        try await withVanity(.bearer(issuer)) { name, real in
            real.load(image, repository: "library/app", tag: "v1")
            let tags = try await withClient(credentials: name.host.passwordVariables("ci", "p4ss")) { client in
                let repository = client.pull(name)
                let manifest = try await repository.manifest(.tag("v1"))
                #expect(manifest?.descriptor == image.top)
                let bytes = try await repository.bytes(of: image.blobs[0].descriptor)
                #expect(bytes == image.blobs[0].source.buffer)
                return try await repository.tags()
            }
            #expect(tags == ["v1"])
            #expect(real.count(pathContains: "/token") == 1)
            #expect(real.requests.count { $0.status == 401 } == 1)
            #expect(!real.requests.contains { $0.headers["authorization"]?.hasPrefix("Basic") == true })
        }
    }

    @Test("Where the name leads to a repository of another name the token is asked for by that")
    func pullsUnderAnotherName() async throws {
        let issuer = TokenIssuer(accounts: [:])
        try await ScriptedRegistry.with(authentication: .bearer(issuer), hostName: "localhost") { real in
            real.load(image, repository: "real/app", tag: "v1")
            try await ScriptedRegistry.with { name in
                name.script(
                    RequestMatch(nil, .any, times: nil),
                    .flip { .redirect(307, to: real.url + $0.uri.replacing("library/app", with: "real/app")) }
                )
                let manifest = try await withClient { try await $0.pull(name).manifest(.tag("v1")) }
                #expect(manifest?.descriptor == image.top)
            }
            let token = try #require(real.requests.first { $0.path == "/token" })
            #expect(token.query.all("scope") == ["repository:real/app:pull"])
        }
    }

    @Test("A guest's token that has expired is renewed, and one that nobody gets leaves the refusal as it is")
    func renewsTokens() async throws {
        let issuer = TokenIssuer(accounts: [:])
        try await withVanity(.bearer(issuer)) { name, real in
            real.load(image, repository: "library/app", tag: "v1")
            try await withClient { client in
                for _ in 0..<2 {
                    let found = try await client.pull(name).resolve(.tag("v1"))
                    #expect(found == image.top)
                    issuer.expireAllTokens()
                }
                real.script(RequestMatch(nil, .token, times: nil), .status(403))
                issuer.expireAllTokens()
                await #expect { _ = try await client.pull(name).manifest(.tag("v1")) } throws: {
                    "\($0)".contains("it leads to \(real.url), which refuses the request (401)")
                }
            }
        }
    }

    @Test("A target that leads everything to another registry is pushed to there", arguments: [307, 308])
    func pushesThroughRedirects(status: Int) async throws {
        try await withVanity(.none, status: status) { name, real in
            real.options.requiresChildren = false
            let manifest = try Manifest(bytes: image.topBytes, contentType: image.top.mediaType)
            try await withClient(credentials: name.host.passwordVariables("ci", "p4ss")) { client in
                let target = client.push(name)
                _ = try await target.store(SampleReader(Self.source))
                try await target.store(manifest, as: "v1")
            }
            #expect(real.store.blob(Self.source.descriptor.digest, in: "library/app")?.count == Self.source.count)
            #expect(real.store.digest(of: "v1", in: "library/app") == image.digest)
            #expect(real.requests.allSatisfy { $0.headers["authorization"] == nil })
        }
    }

    @Test("What is pushed follows from its upload's place to another host", arguments: [307, 308])
    func followsUploads(status: Int) async throws {
        try await ScriptedRegistry.with { other in
            try await ScriptedRegistry.with(store: other.store) { registry in
                registry.script(
                    RequestMatch("PUT", .uploads, times: nil),
                    .flip { .replyEarly(Reply(status, headers: ["Location": other.url + $0.uri])) }
                )
                _ = try await withClient { try await $0.push(registry).store(SampleReader(Self.source)) }
                #expect(other.store.blob(Self.source.descriptor.digest, in: "library/app")?.count == Self.source.count)
            }
        }
    }

    @Test(
        "Below a path, places that are named without it are meant below it",
        arguments: [
            ("/v2/a/blobs/uploads/1?x=a%2Fb", "http://r/sub/v2/a/blobs/uploads/1?x=a%2Fb"),
            ("http://r/v2/a/blobs/uploads/1", "http://r/sub/v2/a/blobs/uploads/1"),
            ("/sub/v2/a/blobs/uploads/1", "http://r/sub/v2/a/blobs/uploads/1"),
            ("/other/uploads/1", "http://r/other/uploads/1"), ("http://s/v2/a", "http://s/v2/a"),
        ]
    )
    func findsPlaces(location: String, expected: String) throws {
        let url = try #require(HTTPURL("http://r/sub/v2/a/blobs/uploads/"))
        #expect(url.resolving(location)?.below(HTTPURL("http://r/sub/")).text == expected)
        for base in ["http://r/", "http://r/v2/proxy/"] {
            #expect(url.resolving("/v2/a")?.below(HTTPURL(base)).text == "http://r/v2/a")
        }
    }

    @Test("An upload to a registry below a path goes on below it, though the registry does not know of the path")
    func uploadsBelowPaths() async throws {
        try await ScriptedRegistry.with { registry in
            let place = "/v2/library/app/blobs/uploads/"
            registry.script(
                RequestMatch("POST", .exactly("/sub\(place)")),
                .status(202, headers: ["Location": "\(place)1"])
            )
            registry.script(RequestMatch("PUT", .exactly("/sub\(place)1")), .status(201))
            let outcome = try await withClient(hosts: [registry.host: HostSettings(endpoint: registry.url + "/sub")]) {
                try await $0.push(registry).store(SampleReader(Self.source))
            }
            #expect(outcome == .stored(bytes: Int64(Self.source.count)))
        }
    }
}
