import Glibc
import OCI
import TestSupport
import Testing

/// Every message of the page on troubles is what the program says when there is that trouble.
@Suite(.timeLimit(.minutes(10)))
struct ProvokedTroubleTests {
    private static let entry = "sync: {entries: [{source: $UP, target: $DOWN, tag: '1'}]}"
    private static let wrongSource =
        "sync:\n  entries:\n    -\n      source: 'A/B'\n      target: $DOWN\n      tag: x\n"
    private static let regsync = "version: 1\nsync: [{source: $UP, target: $DOWN, type: repository}]\n"

    private static let beforehand: [Trouble] = [
        Trouble("there is no configuration at 'imglife.yaml'") {
            try await $0.workspace.shell("rm imglife.yaml; \"$imglife\" sync")
        },
        Trouble("imglife.yaml:4:15: sync.entries[0].source: …", configured: wrongSource),
        Trouble("is no configuration of imglife, but …", configured: regsync),
        Trouble(
            "names no registry, so it means docker.io/…",
            configured: "sync: {entries: [{source: $UP, target: m/app, tag: '1'}]}",
            "\"$imglife\" --check"
        ),
        Trouble("IMGLIFE_RETRY_ATTEMPTS must be …", in: ["IMGLIFE_RETRY_ATTEMPTS": "none"]),
        Trouble("IMGLIFE_…_USERNAME is set, but IMGLIFE_…_PASSWORD is not", in: ["IMGLIFE_A_USERNAME": "u"]),
        Trouble("Unexpected argument '…'; did you mean '…'?") { try await $0.workspace.run("snyc") },
        Trouble("no entry's source or target matches --entry …") {
            try await $0.workspace.run("sync", "--entry", "alpine")
        },
    ]

    private static let said: [Trouble] = [
        Trouble("asks for credentials to …: set IMGLIFE_…") {
            $0.upstream.authentication = .basic(username: "u", password: "p")
        },
        Trouble("refused the password of user '…'") { mirror in
            mirror.upstream.authentication = .basic(username: "u", password: "p")
            let names = ["USERNAME", "PASSWORD"].map { (Trouble.upstreamVariable(mirror, $0), "u") }
            return try await mirror.workspace.run("sync", environment: Dictionary(uniqueKeysWithValues: names))
        },
        Trouble("refused the token") { mirror in
            mirror.upstream.authentication = .basic(username: "u", password: "p")
            return try await mirror.workspace.run(
                "sync",
                environment: [Trouble.upstreamVariable(mirror, "TOKEN"): "t"]
            )
        },
        Trouble("it asks for a log-in by …, which is not supported here") {
            let challenge: HeaderList = ["WWW-Authenticate": "Negotiate"]
            $0.upstream.script(.init(times: nil), .error(401, "UNAUTHORIZED", headers: challenge))
        },
        Trouble("its token service … is another organisation's, so the credentials were not sent there", withheld),
        Trouble("not allowed to …") {
            $0.upstream.script(.init("GET", .manifests, times: nil), .error(403, "DENIED"))
        },
        Trouble("has no tag '…'", configured: entry.replacing("'1'", with: "gone")),
        Trouble("no tag of … matches '…'", configured: entry.replacing("tag: '1'", with: "tag_regex: '^9'")),
        Trouble(
            "has no repository '…', or does not show it to this user",
            configured: entry.replacing("$UP", with: "$UP/none").replacing("tag: '1'", with: "tag_regex: .")
        ),
        Trouble("create the repository or project first") {
            $0.target.script(.init("POST", .uploads, times: nil), .error(404, "NAME_UNKNOWN"))
        },
        Trouble("rate limited until …") {
            let answer = Action.error(429, "TOOMANYREQUESTS", headers: ["Retry-After": "3600"])
            $0.upstream.script(.init("GET", .manifests, times: nil), answer)
        },
        Trouble("a host wants no requests for a time") {
            let answer = Action.error(429, "TOOMANYREQUESTS", headers: ["Retry-After": "1"])
            $0.upstream.script(.init("GET", .manifests), answer)
        },
        Trouble(
            "none of the platforms … is in the image, which has …",
            configured: entry.replacing("tag: '1'", with: "tag: '1', platforms: [linux/s390x]")
        ),
        Trouble("are different images for one tag") { mirror in
            mirror.upstream.load(.image(labels: ["n": "2"]), repository: "up/other", tag: "1")
            let target = mirror.target.place("down/app")
            try mirror.workspace.configure(
                Entry(mirror.upstream.place("up/app"), to: target, Entry.all),
                Entry(mirror.upstream.place("up/other"), to: target, Entry.all)
            )
            return try await mirror.workspace.run("sync")
        },
        Trouble("cannot store the blob: …") {
            $0.target.script(.init("PUT", .uploads, times: nil), .error(500, "UNKNOWN"))
        },
        Trouble("it was taken as …, but … stands under … then") {
            $0.target.script(.init("PUT", .manifest("1"), times: nil), .status(201))
        },
        Trouble("the request is too large") {
            $0.target.script(.init("PUT", .manifests, times: nil), .status(413))
        },
    ]

    private static let onTheWay: [Trouble] = [
        Trouble("if its certificate is signed by a private authority, …") { mirror in
            let certificates = try await TestCertificates.shared()
            return try await ScriptedRegistry.with(tls: certificates.server) { strange in
                try mirror.workspace.configure(
                    Entry(strange.place("a"), to: mirror.target.place("b"), "tag: '1'")
                )
                return try await mirror.workspace.run("sync")
            }
        },
        Trouble("if it speaks plain HTTP, say so …") { mirror in
            // Names that are no registry's lead to one that speaks no TLS.
            let endpoint = "https://127.0.0.1:\(mirror.upstream.host.port ?? 0)"
            try mirror.workspace.configure(
                Entry("quay.io/up/app", to: mirror.target.place("b"), "tag: '1'"),
                head: "registries: {quay.io: {endpoint: '\(endpoint)'}}\n"
            )
            return try await mirror.workspace.run("sync")
        },
        Trouble("it refuses the TLS handshake (…)") { mirror in
            try await RawServer.with(answering: [21, 3, 3, 0, 2, 2, 70]) { port in
                try mirror.workspace.configure(
                    Entry("quay.io/up/app", to: mirror.target.place("b"), "tag: '1'"),
                    head: "registries: {quay.io: {endpoint: 'https://127.0.0.1:\(port)'}}\n"
                )
                return try await mirror.workspace.run("sync")
            }
        },
        Trouble("… (redirected from …): …") {
            $0.upstream.script(.init("GET", .blobs, times: nil), .redirect(toOrigin: "http://127.0.0.1:1"))
        },
        Trouble("the proxy … of …: …") { mirror in
            try await TinyProxy.with(to: 1, refusal: "HTTP/1.1 403 No") { proxy in
                try mirror.workspace.configure(
                    Entry("quay.io/up/app", to: mirror.target.place("b"), "tag: '1'")
                )
                let environment = ["https_proxy": "http://127.0.0.1:\(proxy.port)"]
                return try await mirror.workspace.run("sync", environment: environment)
            }
        },
        Trouble(
            "check the host's name and the network",
            configured: entry.replacing("$UP", with: "none.invalid/app")
        ),
        Trouble(
            "check that … is running and can be reached",
            configured: entry.replacing("$UP", with: "127.0.0.1:1/app")
        ),
        Trouble("no answer in time, after 3 tries") { mirror in
            let gate = Gate()
            mirror.upstream.script(.init("GET", .manifests, times: nil), .holdHead(gate))
            let result = try await mirror.workspace.run("sync", environment: ["IMGLIFE_RETRY_TIMEOUT": "300ms"])
            gate.open()
            return result
        },
        Trouble("trying again … try=\"2 of 3\"") {
            $0.upstream.script(.init("GET", .manifests), .status(500))
        },
    ]

    private static let atTheEnd: [Trouble] = [
        Trouble(
            "hook sync.hooks.post_sync[0] failed with exit code …",
            configured: entry.replacing("{entries", with: "{hooks: {post_sync: [{cmd: 'exit 3'}]}, entries")
        ),
        Trouble(
            "hook sync.hooks.post_sync[0] was ended after …",
            configured: entry.replacing(
                "{entries",
                with: "{hooks: {post_sync: [{cmd: 'exec tail -f /dev/null', timeout: 100ms}]}, entries"
            )
        ),
        Trouble("Interrupted: … not finished; the next run goes on") { mirror in
            let gate = Gate()
            mirror.upstream.script(.init("GET", .manifests, times: nil), .holdHead(gate))
            let result = try await mirror.workspace.interrupting { program async throws in
                try await gate.waitForArrivals()
                try program.send(SIGINT)
            }
            gate.open()
            return result
        },
    ]

    private static let troubles = beforehand + said + onTheWay + atTheEnd

    /// Credentials for a registry whose token service has another domain.
    private static let withheld: @Sendable (Mirror) async throws -> ToolResult = { mirror in
        let issuer = TokenIssuer(accounts: ["ci": "p4ss"])
        issuer.rules.anonymousActions = []
        var configuration = ScriptedRegistry.Configuration()
        configuration.tokenIssuer = issuer
        return try await ScriptedRegistry.with(configuration) { service in
            try await TinyProxy.with(to: service.host.port ?? 0) { proxy in
                mirror.upstream.authentication = .bearer(issuer, realm: "http://auth.elsewhere.example/token")
                let environment = [
                    Trouble.upstreamVariable(mirror, "USERNAME"): "ci",
                    Trouble.upstreamVariable(mirror, "PASSWORD"): "p4ss",
                    "http_proxy": "http://127.0.0.1:\(proxy.port)",
                ]
                return try await mirror.workspace.run("sync", environment: environment)
            }
        }
    }

    @Test("The trouble is told in the page's words", .requires(.tool("openssl")), arguments: troubles)
    func message(_ trouble: Trouble) async throws {
        try await Mirror.with { mirror async throws in
            let result = try await trouble.act(mirror)
            #expect(trouble.isSaid(in: result.output + result.errors), "\(result.output)\(result.errors)")
        }
    }

    @Test("No message of the page is left out here")
    func whole() throws {
        #expect(try Trouble.documented() == Self.troubles.map(\.message))
    }
}
