import OCI
import TestSupport
import Testing

/// Targets that misbehave: transient faults leave no trace, permanent ones are one clear line.
@Suite(.timeLimit(.minutes(10)))
struct TargetFaultTests {
    private static let transientFaults = [
        Fault(testDescription: "500 to a blob's PUT", match: .init("PUT", .uploads), action: .status(500)),
        Fault(testDescription: "500 to a POST", match: .init("POST", .uploads), action: .status(500)),
        Fault(testDescription: "500 to a manifest's PUT", match: .init("PUT", .manifests), action: .status(500)),
        Fault(
            testDescription: "429 to a manifest's PUT",
            match: .init("PUT", .manifests),
            action: .error(429, "TOOMANYREQUESTS", headers: ["Retry-After": "0"])
        ),
        Fault(
            testDescription: "a lost session",
            match: .init("PUT", .uploads),
            action: .replyEarly(.error(404, "BLOB_UPLOAD_UNKNOWN"))
        ),
        Fault(testDescription: "a reset upload", match: .init("PUT", .uploads), action: .resetUpload(afterBytes: 1000)),
        Fault(
            testDescription: "a reset at the head",
            match: .init("PUT", .uploads),
            action: .resetUpload(afterBytes: 0)
        ),
        Fault(testDescription: "a lost answer to a blob", match: .init("PUT", .uploads), action: .closeBeforeHead),
        Fault(
            testDescription: "a lost answer to a manifest",
            match: .init("PUT", .manifests),
            action: .closeBeforeHead
        ),
        Fault(
            testDescription: "no HEAD for manifests",
            match: .init("HEAD", .manifests, times: nil),
            action: .error(405, "UNSUPPORTED")
        ),
        Fault(
            testDescription: "absolute locations",
            match: .init("POST", .uploads, times: nil),
            action: .uploadLocation(.absolute)
        ),
        Fault(
            testDescription: "locations with a query",
            match: .init("POST", .uploads, times: nil),
            action: .uploadLocation(.withQuery)
        ),
    ]

    @Test("A transient fault is overcome", arguments: transientFaults)
    func overcome(_ fault: Fault) async throws {
        try await Mirror.with { mirror async throws in
            mirror.target.script(fault.match, fault.action)
            try await mirror.expectSuccess()
        }
    }

    private static let permanentFaults = [
        Fault(
            testDescription: "403 to a POST",
            match: .init("POST", .uploads, times: nil),
            action: .error(403, "DENIED")
        ),
        Fault(
            testDescription: "404 to a POST",
            match: .init("POST", .uploads, times: nil),
            action: .error(404, "NAME_UNKNOWN")
        ),
        Fault(testDescription: "500 to every PUT", match: .init("PUT", .uploads, times: nil), action: .status(500)),
        Fault(
            testDescription: "400 to a manifest",
            match: .init("PUT", .manifests, times: nil),
            action: .error(400, "MANIFEST_INVALID")
        ),
        Fault(
            testDescription: "blobs that are never known",
            match: .init("PUT", .manifests, times: nil),
            action: .error(400, "MANIFEST_BLOB_UNKNOWN")
        ),
    ]

    @Test("A permanent fault ends the entry with one line that names the registry", arguments: permanentFaults)
    func permanent(_ fault: Fault) async throws {
        try await Mirror.with { mirror async throws in
            mirror.target.script(fault.match, fault.action)
            try await mirror.expectFailure(naming: mirror.target.place("down/app"))
            mirror.target.removeScript()
            try await mirror.expectSuccess()
        }
    }

    @Test("A target that said of a blob that it has it, and has it not, gets it after all")
    func lyingHead() async throws {
        try await Mirror.with { mirror async throws in
            // Another tag is there, so the repository's blobs are looked up.
            mirror.target.load(.image(layers: []), repository: "down/app", tag: "0")
            mirror.target.script(
                .init("HEAD", .blobs, times: nil),
                .reply(Reply(200, headers: ["Content-Length": "\(200_000)"]))
            )
            let result = try await mirror.workspace.run("sync", "--progress", "none")
            #expect(result.status == 0, "\(result.output)\(result.errors)")
            let isWhole = mirror.target.store.holds(mirror.image, repository: "down/app")
            #expect(isWhole)
        }
    }

    @Test("A target that takes no large requests gets pieces")
    func pieces() async throws {
        try await Mirror.with(.image(layers: [.init(seed: 6, size: 9 << 20)])) { mirror async throws in
            mirror.target.script(.init(nil, .uploads, times: nil), .largestRequest(bytes: 4 << 20))
            try await mirror.expectSuccess()
            #expect(mirror.target.count("PATCH") == 3)
        }
    }

    @Test("A mount that is refused becomes an upload", arguments: [true, false])
    func mounts(_ mounts: Bool) async throws {
        try await Mirror.with { mirror async throws in
            var options = mirror.target.options
            options.mounts = mounts
            mirror.target.options = options
            try mirror.workspace.configure(
                Entry(mirror.upstream.place("up/app"), to: mirror.target.place("down/app"), "tag: '1'"),
                Entry(mirror.upstream.place("up/app"), to: mirror.target.place("down/copy"), "tag: '1'")
            )
            let one = ["IMGLIFE_SYNC_PARALLELISM": "1"]
            let result = try await mirror.workspace.run("sync", "--progress", "none", environment: one)
            #expect(result.status == 0, "\(result.output)\(result.errors)")
            for repository: RepositoryName in ["down/app", "down/copy"] {
                let isWhole = mirror.target.store.holds(mirror.image, repository: repository)
                #expect(isWhole)
            }
            let uploads = mirror.target.count("PUT", pathContains: "/blobs/uploads/")
            #expect(uploads == mirror.image.blobs.count * (mounts ? 1 : 2))
            #expect(mirror.target.store.openUploads == 0)
        }
    }

    @Test("Tokens that expire between a blob's POST and PUT are renewed")
    func expiry() async throws {
        let issuer = TokenIssuer(accounts: ["me": "pw"])
        var configuration = ScriptedRegistry.Configuration()
        configuration.authentication = .bearer(issuer)
        try await Mirror.with(target: configuration) { mirror async throws in
            mirror.target.script(
                .init("POST", .uploads, times: 1),
                .flip { _ in
                    issuer.expireAllTokens()
                    return nil
                }
            )
            let prefix = "IMGLIFE_127_0_0_1_\(mirror.target.host.port ?? 0)"
            try await mirror.expectSuccess(environment: ["\(prefix)_USERNAME": "me", "\(prefix)_PASSWORD": "pw"])
        }
    }
}
