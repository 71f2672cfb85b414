import NIOCore
import OCI
import Synchronization
import TestSupport
import Testing

@testable import Registry

/// Answers of those who stand between, and what is said of them.
@Suite(.timeLimit(.minutes(10)))
struct ForeignAnswerTests {
    private let image = SampleImage.image()

    private func manifest() throws -> Manifest {
        try Manifest(bytes: image.topBytes, contentType: image.top.mediaType)
    }

    private func failure(_ body: () async throws -> Void) async -> String {
        do { try await body() } catch { return "\(error)" }
        return ""
    }

    @Test("A page for people under 200 is no blob, no manifest, no list, and no push that was taken")
    func seesPages() async throws {
        try await ScriptedRegistry.with { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            registry.script(RequestMatch("POST", .any, times: nil), .flip { _ in nil })
            registry.script(RequestMatch(nil, .any, times: nil), .html)
            try await withClient { client in
                let target = client.push(registry)
                let isThere = try await target.contains(image.blobs[0].descriptor)
                #expect(!isThere)
                for text in [
                    await failure { try await target.store(manifest(), as: "v1") },
                    await failure { _ = try await target.store(SampleReader(image.blobs[0].source)) },
                    await failure { _ = try await target.manifest(.tag("v1")) },
                    await failure { _ = try await target.bytes(of: image.blobs[0].descriptor) },
                    await failure { _ = try await target.blobSize(image.blobs[0].descriptor.digest, named: nil) },
                    await failure { _ = try await target.tags() },
                ] { #expect(text.contains("the answer is a web page"), "\(text)") }
                guard case .unknown = try await target.asking({ try await $0.tags() }) else {
                    Issue.record("a page is taken for a list")
                    return
                }
            }
        }
    }

    @Test("Referrers that lead to where nobody is are looked for by the fallback")
    func fallsBackFromNowhere() async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch("GET", "/referrers/", times: nil), .redirect(302, to: "http://127.0.0.1:1/x"))
            let listed = try await withClient { try await $0.pull(registry).listedReferrers(of: image.digest) }
            #expect(listed == nil)
        }
    }

    @Test(
        "What a registry says beside its message, or in a form of its own, is shown",
        arguments: [
            (
                #"{"errors":[{"code":"MANIFEST_INVALID","message":"manifest invalid","detail":"schema not supported"}]}"#,
                "manifest invalid: schema not supported"
            ),
            (
                #"{"errors":[{"code":"MANIFEST_INVALID","message":"m","detail":{"message":"media type odd"}}]}"#,
                "m: media type odd"
            ),
            (
                #"{"errors":[{"code":"NAME_INVALID","message":"m","detail":{"name":"a/b","reason":"too short"}}]}"#,
                "m: too short"
            ),
            (
                #"{"errors":[{"code":"MANIFEST_INVALID","message":"m","detail":{"mediaType":"x/y"}}]}"#,
                "m: mediaType: x/y"
            ),
            (#"{"errors":[{"code":"X","message":"m","detail":["a","b"]}]}"#, "m: a, b"),
            (#"{"message":"quota exceeded"}"#, "quota exceeded"),
            (#"{"error":"invalid_scope","error_description":"no such project"}"#, "no such project"),
            (#"{"details":"account is locked"}"#, "account is locked"),
            (#"{"errors":[{"status":400,"message":"no such key"}]}"#, "no such key"), (#"{"errors":["a"]}"#, "a"),
            (#"{"errors":{"code":"X","message":"m"}}"#, "m"), (#"{"errors":"a"}"#, "a"), (#"{"Message":"m"}"#, "m"),
            (#"{"errors":[{"code":400,"message":"m"}]}"#, "m"), (#"{"msg":"m","status":1}"#, "m"), (#""a""#, "a"),
            (#"{"type":"about:blank","title":"Quota","status":400}"#, "Quota"), (#"{"reason":"r"}"#, "r"),
            (#"[{"code":"X","message":"m"}]"#, "m"), ("no healthy upstream\nmore", "no healthy upstream"),
            (#"{"errors":[{"code":"X","message":"m","detail":{"Tag":{"Name":"v1"}}}]}"#, "m: Tag: Name: v1"),
        ]
    )
    func showsDetails(body: String, expected: String) async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch("PUT", .manifests, times: nil), .reply(.json(400, body)))
            let text = try await withClient { client -> String in
                await failure { try await client.push(registry).store(manifest(), as: "v1") }
            }
            #expect(text.contains("the registry says '\(expected)'"), "\(text)")
        }
    }

    @Test("To create a repository is advised only while nothing has been stored in it")
    func advisesOnRepositories() async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch("PUT", .manifests, times: nil), .error(404, "NOT_FOUND"))
            let advice = "create the repository or project first"
            let (first, second) = try await withClient { client -> (String, String) in
                let target = client.push(registry)
                let first = await failure { try await target.store(manifest(), as: "v1") }
                _ = try await target.store(SampleReader(image.blobs[0].source))
                return (first, await failure { try await target.store(manifest(), as: "v1") })
            }
            #expect(first.contains(advice) && second.contains("404") && !second.contains(advice), "\(first) \(second)")
        }
    }

    @Test("'ca_file' is advised for whoever's certificate is not trusted", .requires(.tool("openssl")))
    func namesServers() async throws {
        let certificates = try await TestCertificates.shared()
        try await ScriptedRegistry.with(tls: certificates.server, hostName: "localhost") { secure in
            let issuer = TokenIssuer(accounts: [:])
            try await ScriptedRegistry.with(authentication: .bearer(issuer, realm: "\(secure.url)/token")) { registry in
                let hub = HostSettings(plainHTTP: true, hubAPI: secure.url)
                let front = HostSettings(endpoint: secure.url)
                let app: RepositoryName = "library/app"
                let hosts: [RegistryHost: HostSettings] = ["hub.example": hub, "front.example": front]
                try await withClient(hosts: hosts) { client in
                    let texts = [
                        ("\(secure.host)", await failure { _ = try await client.pull(secure).tags() }),
                        ("\(secure.host)", await failure { _ = try await client.pull(registry).tags() }),
                        (
                            "\(secure.host)",
                            await failure {
                                _ = try await client.hubTags(
                                    of: RepositoryReference(host: "hub.example", repository: app)
                                )
                            }
                        ),
                        (
                            "front.example",
                            await failure {
                                let location = RepositoryReference(host: "front.example", repository: app)
                                _ = try await client.repository(location, for: .pull).tags()
                            }
                        ),
                    ]
                    for (server, text) in texts { #expect(text.contains("with 'ca_file' for \(server)"), "\(text)") }
                }
            }
        }
    }

    @Test("A realm without a host is at the registry's own")
    func resolvesRealms() async throws {
        let issuer = TokenIssuer(accounts: ["ci": "p4ss"])
        issuer.rules.anonymousActions = []
        try await ScriptedRegistry.with(authentication: .bearer(issuer, realm: "/token")) { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            let manifest = try await withClient(credentials: registry.host.passwordVariables("ci", "p4ss")) {
                try await $0.pull(registry).manifest(.tag("v1"))
            }
            #expect(manifest?.descriptor == image.top)
        }
    }

    @Test("A list that comes slowly, but comes, is no timeout")
    func awaitsLists() async throws {
        let tags = (0..<4000).map { "\"v\($0)\"" }.joined(separator: ",")
        let valve = Valve(bytes: 1000)
        let clock = ManualClock()
        try await ScriptedRegistry.with { registry in
            registry.script(
                RequestMatch("GET", .tags),
                .all([.edit { $0 = .json(200, "{\"tags\":[\(tags)]}") }, .trickle(valve)])
            )
            try await withClient(timeoutClock: clock) { client in
                async let listing = client.pull(registry).tags()
                for round in 1...5 {
                    while client.traffic.bytesReceived < Int64(round) * 1000 { await Task.yield() }
                    try await clock.waitForSleepers()
                    clock.advance(by: .seconds(50))
                    valve.release(bytes: 1000)
                }
                valve.open()
                let found = try #require(try await listing)
                #expect(found.count == 4000)
            }
        }
    }

    /// Has no byte beyond a position for its first reader, who goes away in the end.
    private struct PausingReader: BlobReader {
        let source: ByteSource
        let descriptor: Descriptor
        let position: Int64
        let pauses = Watched(0)

        func read(at offset: Int64, atMost count: Int) async throws -> ByteBuffer {
            if offset >= position,
                pauses.update({
                    $0 += 1
                    return $0
                }) == 1
            {
                // Until the reader is cancelled, because the registry has lost patience.
                try await Watched(false).wait { $0 }
            }
            return source.read(at: Int(offset), count: count)
        }
    }

    @Test("A registry that breaks off while the upload's own source pauses costs none of the upload's tries")
    func forgivesSources() async throws {
        let source = ByteSource.random(seed: 77, count: 3 << 20)
        try await ScriptedRegistry.with { registry in
            let reader = PausingReader(source: source, descriptor: source.descriptor, position: 1 << 20)
            registry.script(RequestMatch("PUT", .uploads), .resetUpload(afterBytes: 1 << 20))
            _ = try await withClient(retry: RetryPolicy(attempts: 1)) { try await $0.push(registry).store(reader) }
            #expect(registry.store.blob(source.descriptor.digest, in: "library/app")?.count == source.count)
            #expect(reader.pauses.value > 1)
        }
    }

    /// Has no byte beyond a position until its last one has been asked for.
    private struct HeldReader: BlobReader {
        let source: ByteSource
        let descriptor: Descriptor
        let position: Int64
        let isThere = Watched(false)

        func read(at offset: Int64, atMost count: Int) async throws -> ByteBuffer {
            if offset == descriptor.size - 1 { isThere.update { $0 = true } }
            if offset >= position { try await isThere.wait { $0 } }
            return source.read(at: Int(offset), count: count)
        }
    }

    @Test("A registry that breaks off at each pause of the upload's source is asked again once that has everything")
    func awaitsSources() async throws {
        let source = ByteSource.random(seed: 78, count: 3 << 20)
        try await ScriptedRegistry.with { registry in
            let reader = HeldReader(source: source, descriptor: source.descriptor, position: 1 << 20)
            registry.script(RequestMatch("PUT", .uploads), .resetUpload(afterBytes: 1 << 20))
            registry.script(
                RequestMatch(nil, .uploads, times: nil, where: { ["PUT", "PATCH"].contains($0.method) }),
                .flip { _ in reader.isThere.value ? nil : .resetUpload(afterBytes: 0) }
            )
            _ = try await withClient(retry: RetryPolicy(attempts: 1)) { try await $0.push(registry).store(reader) }
            #expect(registry.store.blob(source.descriptor.digest, in: "library/app")?.count == source.count)
            #expect(registry.requests.count < 10)
        }
    }

    @Test("A blob and a list that come with two bytes a second are given up", arguments: [true, false])
    func endsTrickles(isBlob: Bool) async throws {
        let source = ByteSource.random(seed: 79, count: 10_000)
        let valve = Valve(bytes: 100)
        let clock = ManualClock()
        try await ScriptedRegistry.with { registry in
            registry.store.putBlob(.bytes(source), source.descriptor.digest, in: "library/app")
            let tags = (0..<2000).map { "\"v\($0)\"" }.joined(separator: ",")
            registry.script(
                RequestMatch("GET", .tags, times: nil),
                .all([.edit { $0 = .json(200, "{\"tags\":[\(tags)]}") }, .trickle(valve)])
            )
            registry.script(RequestMatch("GET", .blobs, times: nil), .trickle(valve))
            let isOver = Watched(false)
            try await withClient(retry: RetryPolicy(attempts: 1), timeoutClock: clock) { client in
                try await withThrowingTaskGroup(of: RegistryError?.self) { group in
                    group.addTask {
                        defer { isOver.update { $0 = true } }
                        do {
                            let repository = client.pull(registry)
                            if isBlob {
                                _ = try await repository.bytes(of: source.descriptor)
                            } else {
                                _ = try await repository.tags()
                            }
                            return nil
                        } catch { return error as? RegistryError }
                    }
                    // A time that passes before the next bytes are awaited counts for nobody.
                    for round in 1...60 where !isOver.value {
                        while client.traffic.bytesReceived < Int64(round) * 100, !isOver.value { await Task.yield() }
                        clock.advance(by: .seconds(50))
                        valve.release(bytes: 100)
                    }
                    valve.open()
                    let error = try await group.next() ?? nil
                    #expect(error?.kind == .timeout)
                }
            }
        }
    }
}
