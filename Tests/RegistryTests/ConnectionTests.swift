import OCI
import Registry
import TestSupport
import Testing

// The certificates come from `openssl`, the independent server is Debian's `docker-registry`.
@Suite(.timeLimit(.minutes(10)))
struct ConnectionTests {
    private let image = SampleImage.image()

    private func read(_ registry: ScriptedRegistry, _ settings: HostSettings?) async throws {
        let hosts = settings.map { [registry.host: $0] } ?? [:]
        _ = try await withClient(hosts: hosts) { try await $0.pull(registry).manifest(.tag("v1")) }
    }

    private func withTLS(
        _ server: TestCertificates.Server,
        _ body: (ScriptedRegistry) async throws -> Void
    ) async throws {
        try await ScriptedRegistry.with(tls: server) { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            try await body(registry)
        }
    }

    @Test("Questions that are answered without a body leave their connections open", .requires(.tool("openssl")))
    func keeps() async throws {
        let certificates = try await TestCertificates.shared()
        try await withTLS(certificates.server) { registry in
            let hosts = [registry.host: HostSettings(caFile: certificates.authorityFile)]
            try await withClient(hosts: hosts) { client async throws in
                let repository = client.pull(registry)
                try await withThrowingTaskGroup { group in
                    for _ in 0..<4 {
                        group.addTask { [image] () async throws -> Void in
                            for _ in 0..<100 { #expect(try await repository.resolve(.tag("v1")) == image.top) }
                        }
                    }
                    try await group.waitForAll()
                }
            }
            #expect(registry.connectionCount <= 4)
        }
    }

    @Test("A private authority is trusted where its file is named", .requires(.tool("openssl")))
    func trustsCAFile() async throws {
        let certificates = try await TestCertificates.shared()
        try await withTLS(certificates.server) { try await read($0, HostSettings(caFile: certificates.authorityFile)) }
    }

    @Test(
        "The system's authorities are where SSL_CERT_FILE says, beside a host's own",
        .requires(.tool("openssl"))
    )
    func trustsSystemFile() async throws {
        let certificates = try await TestCertificates.shared()
        let authorities = try SystemAuthorities(environment: ["SSL_CERT_FILE": certificates.authorityFile])
        try await withTLS(certificates.server) { registry in
            // The file of its own knows nothing of who has signed.
            let own = HostSettings(caFile: certificates.wrongHost.certificateFile)
            for settings in [nil, HostSettings(endpoint: registry.url), own] {
                let hosts = settings.map { [registry.host: $0] } ?? [:]
                let found = try await withClient(hosts: hosts, authorities: authorities) {
                    try await $0.pull(registry).resolve(.tag("v1"))
                }
                #expect(found == image.top)
            }
        }
    }

    @Test("An SSL_CERT_FILE that cannot be used is told by its name", arguments: ["none.pem", "no.pem"])
    func systemFile(name: String) async throws {
        try await TemporaryDirectory.with { directory in
            try Files.write("hello", to: "\(directory)/no.pem")
            #expect {
                try SystemAuthorities(environment: ["SSL_CERT_FILE": "\(directory)/\(name)"])
            } throws: { error in
                "\(error)".hasPrefix("SSL_CERT_FILE: ") && "\(error)".contains("\(name)' cannot be read")
            }
        }
    }

    @Test(
        "Certificates of unknown authorities, other hosts or the past are refused",
        .requires(.tool("openssl"))
    )
    func refusesCertificates() async throws {
        let certificates = try await TestCertificates.shared()
        let cases = [
            (certificates.server, HostSettings(endpoint: nil), true, "name that with 'ca_file' for"),
            (
                certificates.wrongHost, HostSettings(caFile: certificates.authorityFile), false,
                "is for another host: reach it by a name that its certificate has"
            ),
            (certificates.expired, HostSettings(caFile: certificates.authorityFile), false, "it may have expired"),
        ]
        for (server, settings, usesEndpoint, advice) in cases {
            try await withTLS(server) { registry in
                var settings = settings
                if usesEndpoint { settings.endpoint = registry.url }
                await #expect {
                    try await read(registry, settings)
                } throws: { error in
                    (error as? RegistryError)?.kind == .connection(.certificate) && "\(error)".contains(advice)
                }
            }
        }
    }

    @Test(
        "A server that knows the versions of TLS alone that were given up is not spoken to",
        .requires(.tool("openssl"))
    )
    func oldTLS() async throws {
        let certificates = try await TestCertificates.shared()
        var server = certificates.server
        server.isOld = true
        try await withTLS(server) { registry in
            let settings = HostSettings(endpoint: registry.url, caFile: certificates.authorityFile)
            await #expect {
                try await withClient(hosts: [registry.host: settings], retry: RetryPolicy(attempts: 1)) {
                    try await $0.pull(registry).manifest(.tag("v1"))
                }
            } throws: {
                ($0 as? RegistryError)?.kind == .connection(.alert) && "\($0)".contains("it takes none of the versions")
            }
            #expect(registry.requests.isEmpty)
        }
    }

    @Test(
        "What ends a handshake is told in words, by what was answered, and what an alert says is final",
        arguments: handshakes
    )
    func tellsHandshakes(answer: [UInt8], reason: String, isFinal: Bool) async throws {
        try await RawServer.with(answering: answer) { port in
            let host: RegistryHost = "registry.test"
            let settings = HostSettings(endpoint: "https://127.0.0.1:\(port)")
            let error = await #expect(throws: RegistryError.self) {
                try await withClient(hosts: [host: settings]) {
                    let location = RepositoryReference(host: host, repository: "library/app")
                    _ = try await $0.repository(location, for: .pull).manifest(.tag("v1"))
                }
            }
            let text = error.map { "\($0)" } ?? ""
            #expect(text.contains(reason) && text.contains(", after") != isFinal, "\(text)")
            #expect(text.contains("plain_http") == (answer.count > 7), "\(text)")
            // So mirrors may stand in for it: a firewall answers like that.
            #expect(error?.isUnreachable == true)
            // Nor can anything else be had there.
            if isFinal { #expect(error?.isOutOfReach == true) }
        }
    }

    /// What is answered to the first bytes, what is said of it, and whether that is final.
    private static let handshakes: [(answer: [UInt8], reason: String, isFinal: Bool)] = [
        (Self.alert(40), "(handshake failure): it takes none", true),
        (Self.alert(48), "(unknown ca): it asks for a client certificate", true),
        (Self.alert(70), "(protocol version): it takes none of the versions", true),
        (Self.alert(112), "(unrecognized name): it has no host of this name", true),
        (Self.alert(116), "(certificate required): it asks for a client certificate", true),
        (Self.alert(80), "the TLS handshake broke off, after 3 tries", false),
        (Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8), "if it speaks plain HTTP", false),
        (Array("SSH-2.0-OpenSSH_9.2p1\r\n".utf8), "what it answers is no TLS", false), ([], "after 3 tries", false),
    ]

    /// A fatal alert, as a server sends it before anything else.
    private static func alert(_ code: UInt8) -> [UInt8] { [21, 3, 3, 0, 2, 2, code] }

    @Test("A registry on this machine that speaks TLS is found out", .requires(.tool("openssl")))
    func correctsGuesses() async throws {
        let certificates = try await TestCertificates.shared()
        try await withTLS(certificates.server) { registry in
            await #expect {
                try await read(registry, nil)
            } throws: { ($0 as? RegistryError)?.kind == .connection(.certificate) }
            // With its authority known by another name of it, the correction leads to the manifest.
            let settings = HostSettings(endpoint: registry.url, caFile: certificates.authorityFile)
            let manifest = try await withClient(hosts: ["registry.test": settings]) { client in
                _ = try await client.pull(registry).resolve(.tag("v1"))
                return try await client.pull(registry).manifest(.tag("v1"))
            }
            #expect(manifest?.descriptor == image.top)
            #expect(registry.requests.count == 2)
        }
    }

    @Test("An endpoint stands in for the host")
    func usesEndpoints() async throws {
        try await ScriptedRegistry.with { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            let location = RepositoryReference(host: .dockerHub, repository: "library/app")
            let found = try await withClient(hosts: [.dockerHub: HostSettings(endpoint: registry.url)]) {
                try await $0.repository(location, for: .pull).resolve(.tag("v1"))
            }
            #expect(found == image.top)
        }
    }

    @Test("Settings that cannot be used are refused before anything is sent")
    func refusesSettings() async throws {
        for settings in [HostSettings(endpoint: "registry"), HostSettings(caFile: "/nonexistent")] {
            await #expect(throws: RegistryConfigurationError.self) {
                try await withClient(hosts: ["registry.example.com": settings]) { _ in }
            }
        }
    }

    @Test("A 'ca_file' that is not there is told from one that is no certificate")
    func authorityFiles() async throws {
        try await TemporaryDirectory.with { directory in
            try Files.write("hello", to: "\(directory)/no.pem")
            for (name, reason) in [("none.pem", "read: No such file"), ("no.pem", "read as PEM certificates")] {
                let settings = HostSettings(caFile: "\(directory)/\(name)")
                await #expect {
                    try await withClient(hosts: ["registry.example.com": settings]) { _ in }
                } throws: { "\($0)".contains("\(name) cannot be \(reason)") }
            }
        }
    }

    @Test(
        "An independent registry takes and gives an image, over TLS and with a password",
        .requires(.tool("docker-registry"), .tool("htpasswd"), .tool("openssl"))
    )
    func worksWithDockerRegistry() async throws {
        let certificates = try await TestCertificates.shared()
        try await ExternalRegistry.with(tls: certificates.server, htpasswd: ("me", "pw")) { registry in
            let name =
                "IMGLIFE_"
                + registry.host.description.uppercased().map { $0.isLetter || $0.isNumber ? "\($0)" : "_" }.joined()
            let credentials = ["\(name)_USERNAME": "me", "\(name)_PASSWORD": "pw"]
            let hosts = [registry.host: HostSettings(caFile: certificates.authorityFile)]
            try await withClient(credentials: credentials, hosts: hosts) { client in
                let location = RepositoryReference(host: registry.host, repository: "team/app")
                let target = client.repository(location, for: .push)
                #expect(try await target.tags() == nil)
                for blob in image.blobs {
                    #expect(try await target.store(SampleReader(blob.source)) == .stored(bytes: blob.descriptor.size))
                    #expect(try await target.contains(blob.descriptor))
                    #expect(
                        try await target.bytes(of: blob.descriptor, from: 10) == blob.source.read(at: 10, count: .max)
                    )
                }
                try await target.store(try Manifest(bytes: image.topBytes, contentType: image.top.mediaType), as: "v1")
                #expect(try await target.tags() == ["v1"])
                #expect(try await target.resolve(.tag("v1")) == image.top)
                let copy = client.repository(RepositoryReference(host: registry.host, repository: "team/b"), for: .push)
                let mounted = try await copy.store(SampleReader(image.blobs[0].source), mountFrom: "team/app")
                #expect(mounted == .mounted(from: "team/app"))
            }
        }
    }

    @Test(
        "A server on this machine that asks for HTTPS in words of its own is asked so",
        .requires(.tool("docker-registry"), .tool("openssl"))
    )
    func hearsOfTLS() async throws {
        let certificates = try await TestCertificates.shared()
        try await ExternalRegistry.with(tls: certificates.server) { registry in
            let location = RepositoryReference(host: registry.host, repository: "team/a")
            // Only over TLS is there a certificate that is not trusted.
            await #expect {
                try await withClient(retry: RetryPolicy(attempts: 1)) {
                    _ = try await $0.repository(location, for: .pull).tags()
                }
            } throws: {
                ($0 as? RegistryError)?.kind == .connection(.certificate)
            }
        }
    }

    @Test("A server on this machine that refuses a request and speaks no TLS is believed")
    func believesRefusals() async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch(times: nil), .status(400, body: "Client sent nonsense.\n"))
            await #expect {
                try await withClient(retry: RetryPolicy(attempts: 1)) { _ = try await $0.pull(registry).tags() }
            } throws: {
                ($0 as? RegistryError)?.status == 400
            }
        }
    }

    @Test("A registry on this machine that has answered over plain HTTP is not asked over TLS when a connection breaks")
    func keepsPlainHTTP() async throws {
        try await ScriptedRegistry.with { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            try await withClient(retry: RetryPolicy(attempts: 1)) { client in
                let tags = try await client.pull(registry).tags()
                #expect(tags == ["v1"])
                registry.script(RequestMatch(times: nil), .resetBeforeHead)
                await #expect(throws: RegistryError.self) { _ = try await client.pull(registry).tags() }
            }
            // The second of them is for the free try.
            #expect(registry.connectionCount == 2)
        }
    }
}
