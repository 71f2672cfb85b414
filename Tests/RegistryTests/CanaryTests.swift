import FoundationEssentials
import NIOCore
import OCI
import Registry
import TestSupport
import Testing

/// Credentials are random strings; whatever somebody does, they are found nowhere but at the registry itself.
@Suite(.timeLimit(.minutes(10)))
struct CanaryTests {
    /// A kind of credentials, and a registry that takes them.
    enum Kind: CaseIterable, Sendable {
        case basic
        case password
        case token
        case identity
    }

    /// One secret and all forms in which it could be found.
    private struct Canary {
        let text = "c4nary/\(UInt64.random(in: .min ... .max))+&=%\(UInt64.random(in: .min ... .max))"

        func isFound(in text: String, _ further: [String] = []) -> Bool {
            let encoded = self.text.utf8.map { byte in
                let hex = String(byte, radix: 16, uppercase: true)
                return Unicode.Scalar(byte).properties.isAlphabetic || (0x30...0x39).contains(byte)
                    ? String(Unicode.Scalar(byte)) : "%\(hex)"
            }.joined()
            let bases = [self.text, "ci:\(self.text)"].map { Data($0.utf8).base64EncodedString() }
            let forms = [self.text, encoded, encoded.lowercased()] + bases + further
            return forms.contains { text.contains($0) }
        }
    }

    private let image = SampleImage.image()
    private let canary = Canary()
    /// More than one chunk of the smallest size, and no more: it goes up hundreds of times.
    private let upload = ByteSource.random(seed: 21, count: (1 << 20) + (64 << 10))

    private func issuer() -> TokenIssuer {
        var rules = TokenIssuer.Rules()
        rules.accounts = ["ci": canary.text]
        rules.refreshTokens = [canary.text: "ci"]
        rules.anonymousActions = []
        return TokenIssuer(rules)
    }

    private func authentication(_ kind: Kind, _ issuer: TokenIssuer, realm: String?) -> Authentication {
        switch kind {
        case .basic: .basic(username: "ci", password: canary.text)
        case .password, .identity: .bearer(issuer, realm: realm)
        case .token: .none
        }
    }

    /// Environment variables with the credentials; identity tokens come from a file of docker's.
    private func environment(
        _ kind: Kind,
        _ registry: ScriptedRegistry,
        in directory: String
    ) throws -> [String: String] {
        switch kind {
        case .basic, .password: return registry.host.passwordVariables("ci", canary.text)
        case .token: return [registry.host.variablePrefix + "_TOKEN": canary.text]
        case .identity:
            let entry = #"{"identitytoken": "\#(canary.text)"}"#
            try Files.write(#"{"auths": {"\#(registry.host)": \#(entry)}}"#, to: "\(directory)/config.json")
            return ["DOCKER_CONFIG": directory]
        }
    }

    /// Everything that a client can be asked to do; the errors' texts.
    private func exercise(_ client: RegistryClient, _ registry: ScriptedRegistry) async -> String {
        let source = client.pull(registry)
        let target = client.push(registry, "library/b")
        let blob = SampleReader(image.blobs[0].source)
        let manifest = try? Manifest(bytes: image.topBytes, contentType: image.top.mediaType)
        let operations: [() async throws -> Void] = [
            { _ = try await source.tags() },
            { _ = try await source.resolve(.tag("v1")) },
            { _ = try await source.manifest(.tag("v1")) },
            { _ = try await source.listedReferrers(of: image.digest) },
            { _ = try await source.contains(blob.descriptor) },
            { _ = try await source.bytes(of: blob.descriptor) },
            { _ = try await target.store(blob, mountFrom: "library/other") },
            { _ = try await target.store(SampleReader(upload)) },
            { if let manifest { try await target.store(manifest, as: "v1") } },
        ]
        var errors = ""
        for operation in operations {
            do { try await operation() } catch { errors += "\(error)\n" }
        }
        return errors
    }

    /// - Returns: all that somebody else received, and all that was written down here.
    private func run(
        _ scenario: HostileScenario,
        _ kind: Kind,
        hostName: String
    ) async throws -> (home: String, other: String, written: String, tokens: [String]) {
        try await ScriptedRegistry.with(hostName: hostName) { other in
            // Names of this machine are one place: somebody else has a name that only the proxy knows.
            let port = other.host.port ?? 0
            let elsewhere = scenario.realm == nil ? other.url : "http://elsewhere.example:\(port)"
            other.script(RequestMatch(nil, .any, times: nil), .flip { _ in .reply(scenario.answer(elsewhere)) })
            let issuer = issuer()
            let guarded = authentication(kind, issuer, realm: scenario.realm?(elsewhere))
            return try await ScriptedRegistry.with(authentication: guarded) { registry in
                registry.options.referrersAPI = true
                registry.load(image, repository: "library/app", tag: "v1")
                scenario.script(registry, elsewhere)
                let log = LogRecorder()
                let errors = try await TemporaryDirectory.with { directory in
                    let environment = try environment(kind, registry, in: "\(directory)")
                    return try await TinyProxy.with(to: port) { proxy in
                        try await withClient(
                            credentials: environment,
                            retry: RetryPolicy(attempts: 2),
                            proxies: try ProxySettings(environment: ["http_proxy": "http://127.0.0.1:\(proxy.port)"]),
                            log: log
                        ) { await exercise($0, registry) }
                    }
                }
                return (registry.received, other.received, log.text + errors, issuer.issuedTokens)
            }
        }
    }

    @Test("Left alone, all kinds of credentials reach the registry, and are found there", arguments: Kind.allCases)
    func findsCanaries(kind: Kind) async throws {
        let result = try await run(HostileScenario(description: "none"), kind, hostName: "localhost")
        #expect(canary.isFound(in: result.home))
        #expect(!canary.isFound(in: result.written, result.tokens))
        #expect(result.other.isEmpty)
        #expect(result.written.contains("registry request"))
    }

    @Test("Credentials reach nobody else and are written down nowhere", arguments: HostileScenario.all)
    func keepsCanaries(scenario: HostileScenario) async throws {
        let number = HostileScenario.all.firstIndex { $0.description == scenario.description } ?? 0
        for (place, kind) in Kind.allCases.enumerated() {
            // Another port of the registry's host is another origin, but its token service may be there. Each scenario
            // tries that with one kind of credentials.
            let triesPort = scenario.realm == nil && place == number % Kind.allCases.count
            for name in triesPort ? ["localhost", "127.0.0.1"] : ["localhost"] {
                let result = try await run(scenario, kind, hostName: name)
                #expect(!canary.isFound(in: result.other, result.tokens), "\(kind) at \(name)")
                #expect(!canary.isFound(in: result.written, result.tokens), "\(kind) written")
            }
        }
    }

    @Test("There are enough hostile scenarios")
    func hasScenarios() {
        #expect(HostileScenario.all.count >= 200)
    }
}

extension ScriptedRegistry {
    /// All that was received, uploads' bodies left out.
    fileprivate var received: String {
        requests.map { request in
            let fields = request.headers.fields.map { "\($0.name): \($0.value)" }.joined(separator: "\n")
            return "\(request.method) \(request.uri)\n\(fields)\n\(String(buffer: request.bodyStart))"
        }.joined(separator: "\n")
    }
}
