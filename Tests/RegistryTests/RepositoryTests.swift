import NIOCore
import OCI
import Registry
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct RepositoryTests {
    private let image = SampleImage.image()

    /// Runs a body with a repository that holds one image, tagged `v1`.
    private func withImage<R>(
        _ script: (ScriptedRegistry) -> Void = { _ in },
        _ body: (Repository, ScriptedRegistry) async throws -> R
    ) async throws -> R {
        try await ScriptedRegistry.with { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            script(registry)
            return try await withClient { try await body($0.pull(registry), registry) }
        }
    }

    private func ask<R>(
        _ script: (ScriptedRegistry) -> Void,
        _ body: (Repository) async throws -> R
    ) async throws -> R {
        try await withImage(script) { repository, _ in try await body(repository) }
    }

    @Test("A tag is resolved by HEAD, a manifest read by GET with all types accepted")
    func reads() async throws {
        try await withImage { (repository: Repository, registry: ScriptedRegistry) async throws in
            #expect(try await repository.resolve(.tag("v1")) == image.top)
            #expect(try await repository.manifest(.tag("v1"))?.bytes == image.topBytes)
            #expect(try await repository.manifest(image.top).bytes == image.topBytes)
            #expect(try await repository.resolve(.tag("v2")) == nil)
            #expect(try await repository.manifest(.tag("v2")) == nil)
            let accepted = MediaType.manifests.map(\.description).joined(separator: ", ")
            #expect(registry.requests.allSatisfy { $0.headers["accept"] == accepted })
            #expect(registry.requests.map(\.method) == ["HEAD", "GET", "GET", "HEAD", "GET", "GET"])
        }
    }

    @Test("A tag's manifest has the digest that the registry calls it by, whatever the algorithm")
    func keepsTheAlgorithm() async throws {
        let image = SampleImage.image(algorithm: .sha512)
        try await ScriptedRegistry.with { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            try await withClient { client in
                let repository = client.pull(registry)
                let manifest = try await repository.manifest(.tag("v1"))
                let resolved = try await repository.resolve(.tag("v1"))
                #expect(manifest?.descriptor == image.top)
                #expect(resolved == image.top)
            }
        }
    }

    @Test("Where HEAD is not served or says too little, GET answers")
    func fallsBackToGet() async throws {
        for status in [405, 501] {
            let found = try await ask(
                { $0.script(RequestMatch("HEAD", .manifests), .status(status)) },
                {
                    try await $0.resolve(.tag("v1"))
                }
            )
            #expect(found == image.top)
        }
        let found = try await ask({ $0.options.sendsContentDigest = false }, { try await $0.resolve(.tag("v1")) })
        #expect(found == image.top)
    }

    @Test("A HEAD by digest that is answered with another one says nothing: GET answers")
    func disbelievesHead() async throws {
        try await withImage { (repository: Repository, registry: ScriptedRegistry) async throws in
            let other = SampleImage.image(labels: ["is": "another"]).digest
            registry.script(RequestMatch("HEAD", .manifests), .header("Docker-Content-Digest", "\(other)"))
            #expect(try await repository.resolve(.digest(image.digest)) == image.top)
            #expect(registry.requests.map(\.method) == ["HEAD", "GET"])
        }
    }

    @Test("A digest header that lies, and bytes that are not the digest's, are refused")
    func verifies() async throws {
        let other = "sha256:" + String(repeating: "0", count: 64)
        for fault in [Action.header("Docker-Content-Digest", other), .corruptByte(at: 3)] {
            await #expect(throws: RegistryError.self) {
                try await ask(
                    { $0.script(RequestMatch("GET", .manifests, times: nil), fault) },
                    {
                        _ = try await $0.manifest(image.top)
                    }
                )
            }
        }
    }

    @Test("Another manifest than the one whose digest was asked for is refused, though nothing else names it")
    func verifiesReferences() async throws {
        let other = SampleImage.image(labels: ["is": "another"])
        let headers: HeaderList = ["Content-Type": other.top.mediaType.description]
        let reply = Reply(200, headers: headers, body: ByteSource(other.topBytes))
        await #expect {
            try await ask(
                { $0.script(RequestMatch("GET", .manifests, times: nil), .reply(reply)) },
                { _ = try await $0.manifest(.digest(image.digest)) }
            )
        } throws: {
            ($0 as? RegistryError)?.kind == .digestMismatch
        }
    }

    @Test("Passing failures are tried again, final ones are not")
    func retries() async throws {
        for status in [408, 425, 429, 500, 502, 503, 504, 520] {
            let count = try await withImage(
                { $0.script(RequestMatch("GET", .manifests), .status(status)) },
                {
                    _ = try await $0.manifest(.tag("v1"))
                    return $1.requests.count
                }
            )
            #expect(count == 2, "\(status)")
        }
        for status in [400, 403, 410, 415, 501] {
            let count = try await withImage(
                { $0.script(RequestMatch("GET", .manifests, times: nil), .status(status)) },
                {
                    _ = try? await $0.manifest(.tag("v1"))
                    return $1.requests.count
                }
            )
            #expect(count == 1, "\(status)")
        }
    }

    @Test("A login page in place of a manifest is tried once more, then explained")
    func explainsLoginPages() async throws {
        await #expect {
            try await ask(
                { $0.script(RequestMatch("GET", .manifests, times: nil), .html) },
                {
                    _ = try await $0.manifest(.tag("v1"))
                }
            )
        } throws: { error in "\(error)".contains("web page") }
    }

    @Test("All pages of tags are read; names that are no tags and repetitions are dropped")
    func listsTags() async throws {
        let tags = try await ask(
            { registry in
                registry.options.pageSize = 2
                for tag in ["a", "b", "c", "d"] as [TagName] {
                    registry.store.tag(tag, image.digest, in: "library/app")
                }
            },
            { try await $0.tags() }
        )
        #expect(tags == ["a", "b", "c", "d", "v1"])
        let odd = Action.reply(.json(200, #"{"name":"x","tags":["ok","-rf","ok","$(x)"]}"#))
        #expect(
            try await ask({ $0.script(RequestMatch("GET", .tags), odd) }, { try await $0.tags() }) == ["ok"]
        )
        let null = Action.reply(.json(200, #"{"name":"x","tags":null}"#))
        #expect(try await ask({ $0.script(RequestMatch("GET", .tags), null) }, { try await $0.tags() }) == [])
    }

    @Test("A repository that does not exist is not an error")
    func reportsMissingRepository() async throws {
        try await ScriptedRegistry.with { registry in
            let tags = try await withClient { try await $0.pull(registry, "no/such").tags() }
            #expect(tags == nil)
        }
    }

    @Test(
        "Pages that do not end, or lead elsewhere, fail the listing",
        arguments: [
            "</v2/library/app/tags/list?n=1000>; rel=next", "<http://127.0.0.2:1/v2/library/app/tags/list>; rel=next",
            "</v2/other/tags/list>; rel=next", "<//evil.example/v2/library/app/tags/list>; rel=next",
        ]
    )
    func refusesLinks(link: String) async throws {
        await #expect {
            _ = try await ask(
                { $0.script(RequestMatch("GET", .tags, times: nil), .header("Link", link)) },
                {
                    try await $0.tags()
                }
            )
        } throws: { ($0 as? RegistryError)?.kind == .protocolViolation }
    }

    @Test("A page that fails fails the whole listing")
    func failsOnFailingPages() async throws {
        await #expect(throws: RegistryError.self) {
            _ = try await ask(
                { registry in
                    registry.options.pageSize = 1
                    registry.store.tag("a", image.digest, in: "library/app")
                    registry.script(RequestMatch("GET", .tags, times: nil, after: 1), .status(404))
                },
                { try await $0.tags() }
            )
        }
    }

    private static func referrers(_ count: Int, from start: Int = 0) -> String {
        let entries = (start..<(start + count)).map { number in
            let hex = String(number, radix: 16)
            let digest = "sha256:" + String(repeating: "0", count: 64 - hex.count) + hex
            return #"{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"\#(digest)","size":7}"#
        }
        let type = MediaType.ociIndex.description
        return #"{"schemaVersion":2,"mediaType":"\#(type)","manifests":[\#(entries.joined(separator: ","))]}"#
    }

    private func page(_ body: String, next: String? = nil) -> Action {
        var headers: HeaderList = ["Content-Type": MediaType.ociIndex.description]
        if let next { headers["Link"] = "<\(next)>; rel=\"next\"" }
        return .reply(.json(200, body, headers: headers))
    }

    @Test("All pages of a list of referrers are read; a missing or repeated page fails the list")
    func listsReferrers() async throws {
        let path = "/v2/library/app/referrers/\(image.digest)"
        let found = try await ask(
            { registry in
                registry.script(RequestMatch("GET", "/referrers/"), page(Self.referrers(2), next: "\(path)?page=2"))
                registry.script(RequestMatch("GET", "/referrers/"), page(Self.referrers(3, from: 2)))
            },
            { try await $0.listedReferrers(of: image.digest)?.map(\.descriptor) }
        )
        #expect(found?.count == 5)
        for second in [Action.status(404), page(Self.referrers(1), next: path)] {
            await #expect(throws: RegistryError.self) {
                _ = try await ask(
                    { registry in
                        registry.script(
                            RequestMatch("GET", "/referrers/"),
                            page(Self.referrers(2), next: "\(path)?page=2")
                        )
                        registry.script(RequestMatch("GET", "/referrers/", times: nil), second)
                    },
                    { try await $0.listedReferrers(of: image.digest)?.map(\.descriptor) }
                )
            }
        }
        #expect(try await ask({ _ in }, { try await $0.listedReferrers(of: image.digest)?.map(\.descriptor) }) == nil)
    }

    @Test("A connection that is refused says whose registry it is and what to check")
    func reportsRefusedConnections() async throws {
        let host = try await ScriptedRegistry.with { $0.host }
        let repository = RepositoryReference(host: host, repository: "a/b")
        await #expect {
            try await withClient { _ = try await $0.repository(repository, for: .pull).tags() }
        } throws: { error in
            "\(error)"
                == "\(host)/a/b: cannot list the tags: the connection was refused, after 3 tries: check that the registry is running and can be reached"
        }
    }

    @Test("An image of an index that is not there for a moment is asked for once more", arguments: [1, 2])
    func lagsBehind(times: Int) async throws {
        try await ScriptedRegistry.with { registry async throws in
            registry.load(image, repository: "library/app", tag: "v1")
            registry.script(RequestMatch("GET", .manifests, times: times), .error(404, "MANIFEST_UNKNOWN"))
            let read = { try await withClient { try await $0.pull(registry).manifest(image.top) } }
            if times == 1 {
                #expect(try await read().descriptor.digest == image.digest)
            } else {
                await #expect(throws: RegistryError.self) { _ = try await read() }
            }
            #expect(registry.requests.count == 2)
        }
    }
}
