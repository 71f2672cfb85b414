import OCI
import Registry
import TestSupport
import Testing

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
            #expect(registry.count("GET", pathContains: "/manifests/") == 3)
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
