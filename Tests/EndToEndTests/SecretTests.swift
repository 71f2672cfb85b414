import FoundationEssentials
import OCI
import TestSupport
import Testing

/// Credentials are nowhere but in requests to their own registry and its token service.
@Suite(.timeLimit(.minutes(10)))
struct SecretTests {
    /// What must not be found, in every form in which it could be written down.
    private struct Secret: Sendable {
        let user: String
        let password = "s3cret\(UInt64.random(in: .min ... .max))"

        var pair: String { Data("\(user):\(password)".utf8).base64EncodedString() }
        var forms: [String] { [password, pair] }
    }

    private struct Scene {
        let basic: ScriptedRegistry
        let bearer: ScriptedRegistry
        let tokens: ScriptedRegistry
        let network: ScriptedRegistry
        let workspace: Workspace
        let basicSecret: Secret
        let bearerSecret: Secret

        var registries: [ScriptedRegistry] { [basic, bearer, tokens, network] }
        var environment: [String: String] {
            let prefix = "IMGLIFE_127_0_0_1_\(basic.host.port ?? 0)"
            return ["\(prefix)_USERNAME": basicSecret.user, "\(prefix)_PASSWORD": basicSecret.password]
        }
    }

    /// A source with Basic credentials from the environment whose blobs are elsewhere, and a target with tokens of a
    /// service of its own and credentials from docker's configuration.
    private static func with(_ body: (Scene) async throws -> Void) async throws {
        let (basicSecret, bearerSecret) = (Secret(user: "alice"), Secret(user: "bob"))
        let issuer = TokenIssuer(accounts: [bearerSecret.user: bearerSecret.password])
        var service = ScriptedRegistry.Configuration()
        service.tokenIssuer = issuer
        try await ScriptedRegistry.with(service) { tokens async throws in
            var source = ScriptedRegistry.Configuration()
            source.authentication = .basic(username: basicSecret.user, password: basicSecret.password)
            var target = ScriptedRegistry.Configuration()
            target.authentication = .bearer(issuer, realm: "\(tokens.url)/token")
            target.tokenIssuer = nil
            try await ScriptedRegistry.with(source) { basic async throws in
                try await ScriptedRegistry.with(target) { bearer async throws in
                    try await ScriptedRegistry.with { network async throws in
                        try await Workspace.with { workspace async throws in
                            let scene = Scene(
                                basic: basic,
                                bearer: bearer,
                                tokens: tokens,
                                network: network,
                                workspace: workspace,
                                basicSecret: basicSecret,
                                bearerSecret: bearerSecret
                            )
                            try prepare(scene)
                            try await body(scene)
                        }
                    }
                }
            }
        }
    }

    private static func prepare(_ scene: Scene) throws {
        let image = Mirror.smallImage
        scene.basic.load(image, repository: "up/app", tag: "1")
        scene.network.load(image, repository: "up/app")
        scene.basic.script(.init("GET", .blobs, times: nil), .redirect(toOrigin: scene.network.url))
        let pair = scene.bearerSecret.pair
        let auths = #"{"auths":{"\#(scene.bearer.host)":{"auth":"\#(pair)"}}}"#
        try Files.write(auths, to: "\(scene.workspace.path)/.docker/config.json")
        try scene.workspace.configure(
            Entry(scene.basic.place("up/app"), to: scene.bearer.place("down/app"), Entry.all, "check_digest: true")
        )
    }

    /// Which of these texts occur in what a program wrote to its streams and to files; what the user keeps there is not
    /// looked at.
    private static func leaks(_ forms: [String], _ result: ToolResult, _ workspace: Workspace) async throws -> [String]
    {
        try await TemporaryDirectory.with { path async throws in
            try Files.write(result.output + result.errors, to: "\(path)/searched/streams")
            try Files.write(forms.joined(separator: "\n") + "\n", to: "\(path)/forms")
            let places = "'\(path)/searched' '\(workspace.path)'"
            let found = try await workspace.shell("grep -raoF --exclude-dir=.docker -f '\(path)/forms' \(places)")
            #expect(found.status == 1, "grep finds nothing, and says so")
            return found.lines
        }
    }

    private static func check(_ result: ToolResult, _ scene: Scene) async throws {
        let tokens = scene.tokens.tokenIssuer?.issuedTokens ?? []
        let forms = scene.basicSecret.forms + scene.bearerSecret.forms + tokens
        #expect(try await leaks(forms, result, scene.workspace) == [])
        for form in scene.basicSecret.forms {
            for registry in scene.registries where registry !== scene.basic {
                #expect(!registry.transcriptContains(form))
            }
        }
        for form in scene.bearerSecret.forms {
            for registry in scene.registries where registry !== scene.tokens && registry !== scene.bearer {
                #expect(!registry.transcriptContains(form))
            }
        }
        for token in tokens {
            #expect(!scene.basic.transcriptContains(token) && !scene.network.transcriptContains(token))
        }
    }

    @Test("Secrets are nowhere to be found after runs that log everything")
    func success() async throws {
        try await Self.with { scene async throws in
            for expected in [[1, 1, 0, 0], [1, 0, 1, 0]] {
                let result = try await scene.workspace.run(
                    "--log-level",
                    "trace",
                    "sync",
                    environment: scene.environment
                )
                #expect(result.counts == expected, "\(result.output)\(result.errors)")
                try await Self.check(result, scene)
            }
            // The search would find them where they belong.
            #expect(scene.basic.transcriptContains(scene.basicSecret.password))
            #expect(scene.tokens.transcriptContains(scene.bearerSecret.password))
            #expect(scene.tokens.tokenIssuer?.issuedTokens.isEmpty == false)
        }
    }

    @Test("Secrets are nowhere to be found after runs in which everything is refused")
    func failure() async throws {
        try await Self.with { scene async throws in
            scene.basic.authentication = .basic(username: "alice", password: "another")
            scene.tokens.script(.init("GET", .token, times: nil), .error(401, "UNAUTHORIZED"))
            scene.tokens.script(.init("POST", .token, times: nil), .error(401, "UNAUTHORIZED"))
            let result = try await scene.workspace.run("--log-level=trace", "sync", environment: scene.environment)
            #expect(result.counts == [1, 0, 0, 1])
            try await Self.check(result, scene)
        }
    }

    @Test("A token from the environment goes to its registry alone")
    func environmentToken() async throws {
        try await Mirror.with { mirror async throws in
            let secret = "t0ken\(UInt64.random(in: .min ... .max))"
            let variable = "IMGLIFE_127_0_0_1_\(mirror.upstream.host.port ?? 0)_TOKEN"
            let result = try await mirror.workspace.run("--log-level=trace", "sync", environment: [variable: secret])
            #expect(result.status == 0)
            #expect(try await Self.leaks([secret], result, mirror.workspace) == [])
            #expect(!mirror.target.transcriptContains(secret))
            #expect(mirror.upstream.transcriptContains(secret))
        }
    }

    @Test(
        "Where credentials may be and must not be looked for is an error; a whole home that is another's holds none",
        .requires(.root, .tool("setpriv")),
        arguments: ["home", "home/.docker", "home/.config/containers"]
    )
    func forbidden(directory: String) async throws {
        try await Mirror.with { mirror async throws in
            let workspace = mirror.workspace
            for name in [".docker", ".config/containers"] { try Files.makeDirectory("\(workspace.path)/home/\(name)") }
            let result = try await workspace.shell(
                "chmod 0 \(directory); exec setpriv --bounding-set=-all \"$imglife\" sync --progress none",
                environment: ["HOME": "\(workspace.path)/home"]
            )
            #expect(result.status == (directory == "home" ? 0 : 1), "\(result.output)\(result.errors)")
            #expect(result.output.contains("cannot be read: Permission denied") == (directory != "home"))
        }
    }
}
