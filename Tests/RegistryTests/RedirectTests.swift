import OCI
import Registry
import TestSupport
import Testing

// The certificates come from `openssl`.
@Suite(.timeLimit(.minutes(10)))
struct RedirectTests {
    private let image = SampleImage.image()

    private func read(
        _ registry: ScriptedRegistry,
        hosts: [RegistryHost: HostSettings] = [:],
        credentials: [String: String] = [:]
    ) async throws -> Manifest? {
        try await withClient(credentials: credentials, hosts: hosts) {
            try await $0.pull(registry).manifest(.tag("v1"))
        }
    }

    /// Redirects `/hop/<n>` to `/hop/<n - 1>`, and 0 to the manifest.
    private static let hops = Action.flip { request in
        guard let number = request.path.split(separator: "/").last.flatMap({ Int($0) }) else { return nil }
        return .redirect(to: number == 0 ? "/v2/library/app/manifests/v1?last" : "/hop/\(number - 1)")
    }

    @Test("Ten redirects are followed, eleven are not", arguments: [(8, true), (9, false), (100, false)])
    func limitsHops(hops: Int, isFollowed: Bool) async throws {
        try await ScriptedRegistry.with { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            registry.script(RequestMatch("GET", "/hop/", times: nil), Self.hops)
            registry.script(RequestMatch("GET", .manifests), .redirect(to: "/hop/\(hops)"))
            let manifest = try? await read(registry)
            #expect((manifest != nil) == isFollowed)
            #expect(registry.requests.count == min(11, hops + 3))
        }
    }

    @Test("Circles of any length end after ten redirects, and are called so", arguments: 1...4)
    func endsCircles(length: Int) async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(
                RequestMatch("GET", .any, times: nil),
                .flip { request in
                    let last = request.path.split(separator: "/").last.flatMap { Int($0) } ?? 0
                    return .redirect(to: last == length - 1 ? "/v2/library/app/manifests/v1" : "/hop/\(last + 1)")
                }
            )
            await #expect { _ = try await read(registry) } throws: { "\($0)".contains("in a circle") }
            #expect(registry.requests.count == 11)
        }
    }

    @Test("An address that sends back to itself is asked again, as it may answer then", arguments: [1, 3])
    func returns(times: Int) async throws {
        try await ScriptedRegistry.with { registry async throws in
            registry.load(image, repository: "library/app", tag: "v1")
            registry.script(RequestMatch("GET", .manifests, times: times), .flip { .redirect(to: $0.uri) })
            #expect(try await read(registry)?.descriptor == image.top)
            #expect(registry.requests.count == times + 1)
        }
    }

    @Test("HTTPS does not lead to plain HTTP, not even by a detour", .requires(.tool("openssl")))
    func refusesDowngrades() async throws {
        let certificates = try await TestCertificates.shared()
        try await ScriptedRegistry.with { plain in
            plain.load(image, repository: "library/app", tag: "v1")
            try await ScriptedRegistry.with(tls: certificates.server) { secure in
                secure.script(
                    RequestMatch("GET", .any, times: nil),
                    .redirect(to: plain.url + "/v2/library/app/manifests/v1")
                )
                let settings = HostSettings(caFile: certificates.authorityFile)
                await #expect { _ = try await read(secure, hosts: [secure.host: settings]) } throws: {
                    "\($0)".contains("from HTTPS to plain HTTP")
                }
                #expect(plain.requests.isEmpty)
                // From a registry that speaks plain HTTP itself, over HTTPS, and back.
                plain.script(RequestMatch("GET", .manifests), .redirect(toOrigin: secure.url))
                await #expect { _ = try await read(plain, hosts: [secure.host: settings]) } throws: {
                    "\($0)".contains("from HTTPS to plain HTTP")
                }
                #expect(plain.requests.count == 1)
                #expect(secure.requests.count == 2)
            }
        }
    }

    @Test("An address that has expired is asked for once more, however that is said", arguments: [400, 403, 410])
    func renewsAddresses(status: Int) async throws {
        let source = ByteSource.random(seed: 5, count: 1000)
        try await ScriptedRegistry.with { storage in
            try await ScriptedRegistry.with { registry in
                storage.store.putBlob(.bytes(source), source.descriptor.digest, in: "library/app")
                storage.script(RequestMatch("GET", .blobs), .status(status))
                registry.script(RequestMatch("GET", .blobs, times: nil), .redirect(toOrigin: storage.url))
                let bytes = try await withClient { try await $0.pull(registry).bytes(of: source.descriptor) }
                #expect(bytes == source.buffer)
                #expect(registry.requests.count == 2)
            }
        }
    }

    @Test("What a redirect's target asks for teaches nothing about the registry", arguments: [401, 403])
    func ignoresForeignChallenges(status: Int) async throws {
        try await ScriptedRegistry.with(hostName: "localhost") { other in
            let challenge = "Bearer realm=\"\(other.url)/token\""
            other.script(
                RequestMatch(nil, .any, times: nil),
                .reply(.error(status, "DENIED", headers: ["WWW-Authenticate": challenge]))
            )
            try await ScriptedRegistry.with { registry in
                registry.load(image, repository: "library/app", tag: "v1")
                registry.script(RequestMatch("GET", .manifests), .redirect(toOrigin: other.url))
                try await withClient(credentials: registry.host.passwordVariables("ci", "p4ss")) { client in
                    let repository = client.pull(registry)
                    await #expect { _ = try await repository.manifest(.tag("v1")) } throws: {
                        "\($0)".contains("it leads to \(other.url), which refuses the request (\(status))")
                    }
                    let manifest = try await repository.manifest(.tag("v1"))
                    #expect(manifest != nil)
                }
                // Whoever gives a token to nobody in particular is asked for one, which this one does not.
                #expect(other.requests.map(\.path).dropFirst() == (status == 401 ? ["/token"] : []))
                #expect(other.requests.allSatisfy { $0.headers["authorization"] == nil })
            }
        }
    }

    @Test("A place that cannot be used is told as what was said, without what a query may hold")
    func tellsPlaces() async throws {
        try await ScriptedRegistry.with { registry in
            let location: HeaderList = ["Location": #"/v2/a\b?secret=x"#]
            registry.script(RequestMatch("GET", .manifests), .status(307, headers: location))
            registry.script(RequestMatch("POST", .uploads, times: nil), .status(202, headers: location))
            await #expect { _ = try await read(registry) } throws: {
                "\($0)".contains(#"redirects to a place that cannot be used: '/v2/a\b'"#)
            }
            await #expect {
                try await withClient { _ = try await $0.push(registry).store(SampleReader(.random(seed: 1, count: 9))) }
            } throws: {
                "\($0)".contains(#"accepts an upload at a place that cannot be used: '/v2/a\b'"#)
            }
        }
    }

    @Test(
        "Of a place that cannot be used neither user and password are told nor what stands behind its path",
        arguments: [
            "https://robot:S3cret@cdn.test/x?sig=a", "https://robot:S3#cret@cdn.test/x", "robot:S3cret@cdn.test/x",
            #"https://cdn.test\x#token=S3cret"#, #"https://cdn.test\x;token=S3cret"#,
        ],
        ["GET", "POST", "realm"]
    )
    func hidesSecrets(place: String, said: String) async throws {
        let log = LogRecorder()
        try await ScriptedRegistry.with { registry in
            let challenge: HeaderList = ["WWW-Authenticate": "Bearer realm=\"\(place)\",service=\"x\""]
            registry.script(
                RequestMatch(said == "POST" ? "POST" : "GET", .any, times: nil),
                said == "realm"
                    ? .status(401, headers: challenge)
                    : .status(said == "GET" ? 307 : 202, headers: ["Location": place])
            )
            let error = await #expect(throws: RegistryError.self) {
                try await withClient(log: log) { client async throws in
                    if said == "POST" {
                        _ = try await client.push(registry).store(SampleReader(.random(seed: 1, count: 9)))
                    } else {
                        _ = try await client.pull(registry).manifest(.tag("v1"))
                    }
                }
            }
            let text = "\(error.map { "\($0)" } ?? "") \(log.text)"
            #expect(text.contains("cdn.test"), "\(text)")
            #expect(!text.contains("S3") && !text.contains("cret"), "\(text)")
        }
    }

    @Test("What is written is not sent again to where a 303 tells to look")
    func refusesSeeOther() async throws {
        let source = ByteSource.random(seed: 5, count: 1 << 20)
        try await ScriptedRegistry.with { registry in
            registry.script(
                RequestMatch("POST", .uploads),
                .flip { .redirect(303, to: registry.url + $0.uri + "?x=1") }
            )
            await #expect(throws: RegistryError.self) {
                try await withClient { _ = try await $0.push(registry).store(SampleReader(source)) }
            }
            #expect(registry.requests.map(\.method) == ["POST"])
        }
    }
}
