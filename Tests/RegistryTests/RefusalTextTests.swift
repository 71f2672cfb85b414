import OCI
import TestSupport
import Testing

@testable import Registry

/// Refusals in a form that hides what they say.
@Suite(.timeLimit(.minutes(10)))
struct RefusalTextTests {
    private let image = SampleImage.image()

    private func text(_ body: () async throws -> Void) async -> String {
        do {
            try await body()
            return ""
        } catch { return "\(error)" }
    }

    @Test(
        "A page for people is told as one, whatever it is called",
        arguments: ["text/html", "application/json", "text/plain", "application/xhtml+xml", ""],
        [
            "<!DOCTYPE html><html>", "\n <html lang='en'>", "\u{FEFF}<!doctype html>", "<!-- portal --><html>",
            "<?xml version=\"1.0\"?>\n<!DOCTYPE html PUBLIC \"\"><html>", "<script>top.location='/'</script>",
            "<HEAD></HEAD>",
        ]
    )
    func tellsWebPages(type: String, page: String) async throws {
        try await ScriptedRegistry.with { registry in
            let page = Action.status(200, headers: type.isEmpty ? [:] : ["Content-Type": type], body: page)
            registry.script(RequestMatch("GET", times: nil), page)
            try await withClient { client in
                let source = client.pull(registry)
                for text in [
                    await text { _ = try await source.manifest(.tag(TagName("v1"))) },
                    await text { _ = try await source.tags() },
                ] {
                    #expect(text.contains(RegistryError.webPage), "\(text)")
                }
            }
        }
    }

    @Test(
        "A store's errors in XML are no page for people",
        arguments: ["\u{FEFF}<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>", "<Error></Error>"]
    )
    func tellsStores(error: String) async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch("GET", times: nil), .status(400, body: error))
            let said = await text { try await withClient { _ = try await $0.pull(registry).tags() } }
            #expect(said.hasSuffix("the registry answers 400"), "\(said)")
        }
    }

    @Test("What is too large is told so, though a proxy's page says it", arguments: ["", "<html>413</html>"])
    func tellsLimits(page: String) async throws {
        try await ScriptedRegistry.with { registry in
            registry.options.requiresChildren = false
            let answer = Action.status(413, headers: page.isEmpty ? [:] : ["Content-Type": "text/html"], body: page)
            registry.script(RequestMatch("PUT", times: nil), answer)
            registry.script(RequestMatch("PATCH", times: nil), answer)
            let manifest = try Manifest(bytes: image.topBytes, contentType: image.top.mediaType)
            try await withClient { client in
                let target = client.push(registry)
                let source = ByteSource.random(seed: 5, count: 2 << 20)
                for text in [
                    await text { try await target.store(manifest, as: "v1") },
                    await text { _ = try await target.store(SampleReader(source)) },
                ] {
                    #expect(text.contains("the request is too large (413)") && text.contains("client_max_body_size"))
                }
            }
        }
    }

    @Test(
        "Of who refuses a whole, and parts in another way, both refusals are told",
        arguments: [
            .status(405), .status(501), .error(400, "UNSUPPORTED"), .error(404, "BLOB_UPLOAD_UNKNOWN"), .status(404),
            .error(403, "DENIED"),
        ] as [Action],
        [413, 500]
    )
    func tellsWhole(refusal: Action, status: Int) async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch("PUT", times: nil), .status(status))
            registry.script(RequestMatch("PATCH", times: nil), refusal)
            try await withClient { client in
                let source = ByteSource.random(seed: 5, count: 2 << 20)
                let text = await text { _ = try await client.push(registry).store(SampleReader(source)) }
                let patch = registry.requests.last { $0.method == "PATCH" }?.status ?? 0
                #expect(text.contains(status == 413 ? "the request is too large (413)" : "answers 500"), "\(text)")
                #expect(status == 500 || text.contains("\(patch)"), "\(text)")
            }
        }
    }

    @Test("A refusal under a status of success is one, and tried again where it is about the moment")
    func readsErrors() async throws {
        try await ScriptedRegistry.with { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            registry.script(RequestMatch("GET", .manifests, times: 2), .error(200, "TOOMANYREQUESTS"))
            registry.script(RequestMatch("PUT", .any, times: nil), .error(201, "DENIED"))
            try await withClient { client in
                let manifest = try #require(try await client.pull(registry).manifest(.tag("v1")))
                #expect(manifest.descriptor == image.top)
                let push = client.push(registry, "library/new")
                let source = ByteSource.random(seed: 5, count: 2 << 20)
                for text in [
                    await text { try await push.store(manifest, as: "v1") },
                    await text { _ = try await push.store(SampleReader(source)) },
                ] {
                    #expect(text.contains("(201 DENIED)"), "\(text)")
                }
            }
            #expect(registry.count("GET", pathContains: "/library/app/manifests/") == 3)
        }
    }

    @Test(
        "Credentials that were not sent are not called refused: how the registry asks for them is told",
        arguments: [
            ("Digest realm=\"x\",nonce=\"y\"", "it asks for a log-in by 'digest', which is not supported here"),
            ("Negotiate", "it asks for a log-in by 'negotiate', which is not supported here"),
            ("NTLM, Digest realm=x", "it asks for a log-in by 'ntlm' or 'digest', which is not supported here"),
            ("Bearer service=\"x\"", "it asks for a token, but names no token service"),
            (nil, "it refuses requests without credentials, but does not say how it wants them"),
        ] as [(String?, String)]
    )
    func tellsUnknownChallenges(challenge: String?, expected: String) async throws {
        try await ScriptedRegistry.with { registry in
            let headers: HeaderList = challenge.map { ["WWW-Authenticate": $0] } ?? [:]
            registry.script(RequestMatch(times: nil), .error(401, "UNAUTHORIZED", headers: headers))
            let credentials = registry.host.passwordVariables("ci", "p4ss")
            let said = await text {
                try await withClient(credentials: credentials) { _ = try await $0.pull(registry).tags() }
            }
            #expect(
                said == "\(registry.host): \(expected); the credentials that are set were not sent (401 UNAUTHORIZED)"
            )
            let anonymous = await text { try await withClient { _ = try await $0.pull(registry).tags() } }
            #expect(anonymous.contains(challenge == nil ? "asks for credentials to list the tags" : expected))
            #expect(registry.requests.allSatisfy { $0.headers["authorization"] == nil })
        }
    }

    @Test("An identity token is no password, and is not called refused where one is asked for")
    func tellsOfIdentityTokens() async throws {
        try await ScriptedRegistry.with(authentication: .basic(username: "u", password: "p")) { registry in
            let said = try await withProgram(#"echo '{"Username":"<token>","Secret":"i"}'"#) { environment, _ in
                await text {
                    try await withClient(credentials: environment) { _ = try await $0.pull(registry).tags() }
                }
            }
            #expect(said.contains("it asks for a password, and a token is set; the credentials"), "\(said)")
        }
    }

    @Test("A refusal of what nobody was asked for does not blame the user's permissions")
    func tellsOfSilentRefusals() async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch("GET", .tags, times: nil), .error(403, "DENIED"))
            let credentials = registry.host.passwordVariables("ci", "p4ss")
            let said = await text {
                try await withClient(credentials: credentials) { _ = try await $0.pull(registry).tags() }
            }
            #expect(
                said.hasSuffix("it has not asked for the credentials that are set, so they were not sent"),
                "\(said)"
            )
        }
    }

    @Test("What fails with a blob names it, whatever is done with it and whatever the answer")
    func namesBlobs() async throws {
        let source = ByteSource.random(seed: 5, count: 1000)
        let digest = "\(source.descriptor.digest)"
        for answer in [.error(404, "BLOB_UNKNOWN"), .status(403), .status(400), .status(503)] as [Action] {
            try await ScriptedRegistry.with { registry in
                registry.script(RequestMatch(times: nil), answer)
                try await withClient { client in
                    for text in [
                        await text { _ = try await client.pull(registry).bytes(of: source.descriptor) },
                        await text { _ = try await client.push(registry).store(SampleReader(source)) },
                        await text {
                            _ = try await client.push(registry).store(SampleReader(source), mountFrom: "other")
                        },
                    ] {
                        #expect(text.contains(digest), "\(text)")
                    }
                }
            }
        }
    }

    @Test(
        "Credentials are advised where a refusal may be for want of them, not where it says that it is for something else",
        arguments: [
            ("will exceed the configured upper limit of 10.0 GiB", false), ("the storage quota is used up", false),
            ("configured as immutable, cannot be updated", false), ("blocked by policy", false),
            ("requested access to the resource is denied", true), ("not authorized: no policy allows it", true),
            ("pushing to protected tag v1 is not allowed", false), ("access to a protected resource is denied", true),
            ("the tag is write-locked", false), ("team/policy: denied", true),
        ]
    )
    func advisesCredentials(message: String, isAdvised: Bool) async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch(times: nil), .reply(.error(403, "DENIED", message)))
            let said = await text {
                try await withClient { _ = try await $0.pull(registry, "team/policy").tags() }
            }
            #expect(said.contains(message) && said.contains("it may need credentials") == isAdvised, "\(said)")
        }
    }

    @Test("Bytes that are no manifest, and others than the registry says, are told as damaged")
    func damagedManifest() async throws {
        try await ScriptedRegistry.with { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            registry.script(RequestMatch("GET", .manifests, times: nil), .corruptByte(at: 0))
            let error = await #expect(throws: RegistryError.self) {
                try await withClient { try await $0.pull(registry).manifest(.tag("v1")) }
            }
            guard case .digestMismatch? = error?.kind else {
                Issue.record("\(String(describing: error))")
                return
            }
        }
    }
}
