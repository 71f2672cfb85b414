import OCI
import Registry
import TestSupport
import Testing

// The certificates come from `openssl`.
@Suite(.timeLimit(.minutes(10)))
struct ProxyTests {
    private let image = SampleImage.image()

    /// Reads a manifest of a host that only the proxy can find.
    private func read(
        _ host: RegistryHost,
        _ settings: HostSettings,
        _ variables: [String: String],
        credentials: [String: String] = [:]
    ) async throws -> Manifest? {
        let proxies = try ProxySettings(environment: variables)
        return try await withClient(credentials: credentials, hosts: [host: settings], proxies: proxies) { client in
            let location = RepositoryReference(host: host, repository: "library/app")
            return try await client.repository(location, for: .pull).manifest(.tag("v1"))
        }
    }

    private func withProxy<R>(
        tls: TestCertificates.Server? = nil,
        authentication: Authentication = .none,
        refusal: String? = nil,
        _ body: (TinyProxy, ScriptedRegistry) async throws -> R
    ) async throws -> R {
        try await ScriptedRegistry.with(authentication: authentication, tls: tls) { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            return try await TinyProxy.with(to: registry.host.port ?? 0, refusal: refusal) {
                try await body($0, registry)
            }
        }
    }

    @Test("Plain HTTP goes through the proxy, which gets its own password")
    func asksProxy() async throws {
        try await withProxy { proxy, registry in
            let address = "http://me:p%40ss@127.0.0.1:\(proxy.port)"
            let host: RegistryHost = "registry.test"
            let manifest = try await read(host, HostSettings(plainHTTP: true), ["http_proxy": address])
            #expect(manifest?.descriptor == image.top)
            let head = try #require(proxy.heads.first)
            // The HTTP library asks for a tunnel here, too.
            #expect(head.hasPrefix("CONNECT registry.test:80 HTTP/1.1\r\n"))
            #expect(head.lowercased().contains("proxy-authorization: basic bwu6cebzcw=="))
            #expect(registry.requests.map(\.status) == [200])
        }
    }

    @Test(
        "HTTPS goes through a tunnel that sees neither the request nor the registry's password",
        .requires(.tool("openssl"))
    )
    func tunnels() async throws {
        let certificates = try await TestCertificates.shared()
        let basic = Authentication.basic(username: "ci", password: "s3cret")
        try await withProxy(tls: certificates.wrongHost, authentication: basic) { proxy, registry in
            let host: RegistryHost = "wrong.example"
            let manifest = try await read(
                host,
                HostSettings(caFile: certificates.authorityFile),
                ["https_proxy": "http://me:pass@127.0.0.1:\(proxy.port)"],
                credentials: host.passwordVariables("ci", "s3cret")
            )
            #expect(manifest?.descriptor == image.top)
            #expect(proxy.heads.allSatisfy { $0.hasPrefix("CONNECT wrong.example:443 HTTP/1.1\r\n") })
            #expect(proxy.heads.allSatisfy { $0.lowercased().contains("proxy-authorization: basic") })
            #expect(proxy.heads.allSatisfy { !$0.lowercased().contains("\r\nauthorization:") })
            #expect(registry.requests.count == 2)
            #expect(registry.requests.allSatisfy { $0.headers["proxy-authorization"] == nil })
        }
    }

    @Test(
        "A tunnel does not make another host's certificate good",
        .requires(.tool("openssl"))
    )
    func checksCertificates() async throws {
        let certificates = try await TestCertificates.shared()
        try await withProxy(tls: certificates.wrongHost) { proxy, registry in
            let variables = ["https_proxy": "http://127.0.0.1:\(proxy.port)"]
            await #expect {
                _ = try await read("registry.test", HostSettings(caFile: certificates.authorityFile), variables)
            } throws: { ($0 as? RegistryError)?.kind == .connection(.certificate) }
            #expect(registry.requests.isEmpty)
        }
    }

    // 0.0.0.0 reaches this machine too, but is not one of its names.
    @Test("NO_PROXY leads past the proxy", arguments: [("", 1), ("0.0.0.0", 0), ("other.test,0.0.0.0/8", 0), ("*", 0)])
    func appliesExceptions(exceptions: String, expected: Int) async throws {
        try await withProxy { proxy, registry in
            let host = try RegistryHost("0.0.0.0:\(registry.host.port ?? 0)")
            let variables = ["http_proxy": "http://127.0.0.1:\(proxy.port)", "NO_PROXY": exceptions]
            let manifest = try await read(host, HostSettings(plainHTTP: true), variables)
            #expect(manifest?.descriptor == image.top)
            #expect(proxy.heads.count == expected)
        }
    }

    @Test("Requests to this machine never go through a proxy")
    func sparesLoopback() async throws {
        try await withProxy { proxy, registry in
            let variables = ["http_proxy": "http://127.0.0.1:\(proxy.port)"]
            let manifest = try await read(registry.host, HostSettings(), variables)
            #expect(manifest?.descriptor == image.top)
            #expect(proxy.heads.isEmpty)
        }
    }

    @Test(
        "A proxy that refuses the tunnel is named as the culprit, and asked again where that may pass",
        arguments: [
            (403, "it lets nobody through (403)", true),
            (407, "it refuses the user and the password that are set for it (407)", true),
            (502, "it finds no way there (502)", false), (503, "it finds no way there (503)", false),
        ]
    )
    func reportsRefusals(status: Int, reason: String, isFinal: Bool) async throws {
        try await withProxy(refusal: "HTTP/1.1 \(status) No") { proxy, registry in
            let host: RegistryHost = "registry.test"
            let credentials = host.passwordVariables("ci", "s3cret")
            let variables = ["https_proxy": "http://me:pass@127.0.0.1:\(proxy.port)"]
            await #expect {
                _ = try await read(host, HostSettings(), variables, credentials: credentials)
            } throws: { error in
                let text = "\(error)"
                return text.contains("the proxy 127.0.0.1:\(proxy.port) of registry.test: \(reason)")
                    && text.contains("after 3 tries") != isFinal && !text.contains("IMGLIFE_")
                    && !text.contains("me:pass")
            }
            #expect(registry.requests.isEmpty)
            #expect(proxy.heads.allSatisfy { $0.lowercased().contains("proxy-authorization: basic bwu6cgfzcw==") })
        }
    }

    @Test("A proxy that asks for a password that is not set is told of as one that does")
    func tellsOfUnsetPasswords() async throws {
        try await withProxy(refusal: "HTTP/1.1 407 No") { proxy, _ in
            let text = await failure(through: proxy.port)
            #expect(text.contains("it asks for a user and a password (407), as in http://user:password@"), "\(text)")
        }
    }

    @Test("A proxy that hangs up is named, and a registry that hangs up behind one is told from it")
    func reportsHangUps() async throws {
        let refusing = try await RawServer.with(answering: []) { port in
            await failure(through: port)
        }
        #expect(refusing.contains("of registry.test: it hangs up"), "\(refusing)")
        let refused = try await RawServer.with(answering: []) { port in
            try await TinyProxy.with(to: port) { await failure(through: $0.port) }
        }
        #expect(!refused.isEmpty && !refused.contains("the proxy"), "\(refused)")
    }

    private func failure(through port: Int) async -> String {
        do {
            _ = try await read("registry.test", HostSettings(), ["https_proxy": "http://127.0.0.1:\(port)"])
            return ""
        } catch { return "\(error)" }
    }

    @Test(
        "A proxy that cannot be reached is named, and its settings are what to look at",
        arguments: [true, false],
        ["127.0.0.1:1", "nonesuch.invalid:3128"]
    )
    func namesDeadProxies(isPlain: Bool, address: String) async throws {
        let variables = [isPlain ? "http_proxy" : "https_proxy": "http://me:s3cret@\(address)"]
        var text = ""
        do {
            _ = try await read("registry.test", HostSettings(plainHTTP: isPlain), variables)
        } catch { text = "\(error)" }
        #expect(text.contains("/app: cannot read the manifest: the proxy \(address) of registry.test: the "), "\(text)")
        #expect(text.hasSuffix(": check HTTPS_PROXY and HTTP_PROXY, or name registry.test in NO_PROXY"), "\(text)")
        #expect(!text.contains("s3cret"))
    }
}
