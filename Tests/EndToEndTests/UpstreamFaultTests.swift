import NIOCore
import OCI
import TestSupport
import Testing

/// Upstreams that misbehave: transient faults leave no trace, permanent ones are one clear line.
@Suite(.timeLimit(.minutes(10)))
struct UpstreamFaultTests {
    private static let transientFaults = [
        Fault(testDescription: "500 to the manifest", match: .init("GET", .manifests), action: .status(500)),
        Fault(testDescription: "503 to a blob", match: .init("GET", .blobs), action: .status(503)),
        Fault(
            testDescription: "429 with Retry-After 0",
            match: .init("GET", .blobs, times: 3),
            action: .error(429, "TOOMANYREQUESTS", headers: ["Retry-After": "0"])
        ),
        Fault(
            testDescription: "429 with Retry-After 1",
            match: .init("GET", .manifests),
            action: .error(429, "TOOMANYREQUESTS", headers: ["Retry-After": "1"])
        ),
        Fault(
            testDescription: "reset before the head",
            match: .init("GET", .blobs, times: 2),
            action: .resetBeforeHead
        ),
        Fault(testDescription: "no answer", match: .init("GET", .manifests), action: .closeBeforeHead),
        Fault(testDescription: "reset at byte 0", match: .init("GET", .blobs), action: .reset(afterBytes: 0)),
        Fault(testDescription: "reset in the middle", match: .init("GET", .blobs), action: .reset(afterBytes: 100_000)),
        Fault(testDescription: "short body", match: .init("GET", .blobs), action: .close(afterBytes: 199_999)),
        Fault(testDescription: "short manifest", match: .init("GET", .manifests), action: .close(afterBytes: 100)),
        Fault(testDescription: "wrong byte once", match: .init("GET", .blobs), action: .corruptByte(at: 9)),
        Fault(testDescription: "wrong manifest once", match: .init("GET", .manifests), action: .corruptByte(at: 30)),
        Fault(
            testDescription: "a range is ignored",
            match: .init("GET", .blobs),
            action: .flip { $0.headers["range"] == nil ? .reset(afterBytes: 50_000) : .ignoreRange }
        ),
        Fault(testDescription: "a login page once", match: .init("GET", .manifests), action: .html),
    ]

    @Test("A transient fault is overcome", arguments: transientFaults)
    func overcome(_ fault: Fault) async throws {
        try await Mirror.with { mirror async throws in
            mirror.upstream.script(fault.match, fault.action)
            try await mirror.expectSuccess()
        }
    }

    @Test("A layer's wrong byte, found when most of it has been pushed already, is overcome")
    func lateMismatch() async throws {
        let size = 4 << 20
        try await Mirror.with(.image(layers: [.init(seed: 5, size: size)])) { mirror async throws in
            let valve = Valve(bytes: size / 2)
            let corrupt = Action.all([.corruptByte(at: size - 1), .trickle(valve)])
            mirror.upstream.script(.init("GET", .blob(mirror.layer)), corrupt)
            async let run: Void = mirror.expectSuccess()
            try await mirror.target.waitForRequests { requests in
                requests.contains { $0.method == "PUT" && $0.bodyByteCount > size / 4 }
            }
            valve.open()
            try await run
        }
    }

    @Test("A layer that is always wrong is upstream's fault, and nothing of it is kept or pushed")
    func alwaysCorrupt() async throws {
        try await Mirror.with { mirror async throws in
            mirror.upstream.script(.init("GET", .blob(mirror.layer), times: nil), .corruptByte(at: 7))
            try await mirror.expectFailure(naming: mirror.upstream.place("up/app"), mirror.layer.description)
            #expect(mirror.target.store.blob(mirror.layer, in: "down/app") == nil)
            #expect(!Files.exists("\(mirror.workspace.cache)/blobs/sha256/\(mirror.layer.hex)"))
            #expect(try CacheFiles(path: mirror.workspace.cache).images() == [:])
            mirror.upstream.removeScript()
            try await mirror.expectSuccess()
        }
    }

    private static let permanentFaults = [
        Fault(
            testDescription: "404 to a blob",
            match: .init("GET", .blobs, times: nil),
            action: .error(404, "BLOB_UNKNOWN")
        ),
        Fault(testDescription: "403", match: .init("GET", .manifests, times: nil), action: .error(403, "DENIED")),
        Fault(testDescription: "500", match: .init("GET", .blobs, times: nil), action: .status(500)),
        Fault(testDescription: "resets", match: .init("GET", .blobs, times: nil), action: .reset(afterBytes: 0)),
        Fault(testDescription: "login pages", match: .init("GET", .manifests, times: nil), action: .html),
        Fault(
            testDescription: "a rate limit of a day",
            match: .init("GET", .manifests, times: nil),
            action: .error(429, "TOOMANYREQUESTS", headers: ["Retry-After": "86400"])
        ),
        Fault(
            testDescription: "redirects in a circle",
            match: .init("GET", .blobs, times: nil),
            action: .flip { .redirect(to: $0.path) }
        ),
    ]

    @Test("A permanent fault ends the entry with one line that names the registry", arguments: permanentFaults)
    func permanent(_ fault: Fault) async throws {
        try await Mirror.with { mirror async throws in
            mirror.upstream.script(fault.match, fault.action)
            try await mirror.expectFailure(naming: mirror.upstream.host.description)
            mirror.upstream.removeScript()
            try await mirror.expectSuccess()
        }
    }

    @Test("Tokens that are good for three requests are renewed as often as it takes")
    func shortTokens() async throws {
        var rules = TokenIssuer.Rules()
        rules.usesPerToken = 3
        let issuer = TokenIssuer(rules)
        var configuration = ScriptedRegistry.Configuration()
        configuration.authentication = .bearer(issuer)
        try await Mirror.with(upstream: configuration) { mirror async throws in
            // One request at a time: tokens must not be used up by others between being issued and used.
            let one = "registries:\n  '\(mirror.upstream.host)':\n    max_connections: 1\n"
            let entry = Entry(mirror.upstream.place("up/app"), to: mirror.target.place("down/app"), "tag: '1'")
            try mirror.workspace.configure(entry, head: one)
            try await mirror.expectSuccess()
            #expect(issuer.issuedTokens.count > 2)
        }
    }

    @Test("Tokens that expire while a blob is on its way are renewed for the rest")
    func expiry() async throws {
        let issuer = TokenIssuer()
        var configuration = ScriptedRegistry.Configuration()
        configuration.authentication = .bearer(issuer)
        try await Mirror.with(upstream: configuration) { mirror async throws in
            mirror.upstream.script(
                .init("GET", .blob(mirror.layer)),
                .flip { _ in
                    issuer.expireAllTokens()
                    return .reset(afterBytes: 1000)
                }
            )
            try await mirror.expectSuccess()
        }
    }

    @Test("Blobs that another origin serves come without any authorization")
    func redirects() async throws {
        var configuration = ScriptedRegistry.Configuration()
        configuration.authentication = .bearer(TokenIssuer(accounts: ["me": "pw"]))
        configuration.tokenIssuer = nil
        try await ScriptedRegistry.with { network async throws in
            try await Mirror.with(upstream: configuration) { mirror async throws in
                network.load(mirror.image, repository: "up/app")
                mirror.upstream.script(.init("GET", .blobs, times: nil), .redirect(toOrigin: network.url))
                let prefix = "IMGLIFE_127_0_0_1_\(mirror.upstream.host.port ?? 0)"
                try await mirror.expectSuccess(environment: ["\(prefix)_USERNAME": "me", "\(prefix)_PASSWORD": "pw"])
                #expect(network.count("GET") == mirror.image.blobs.count)
                #expect(network.requests.allSatisfy { $0.headers["authorization"] == nil })
            }
        }
    }
}
