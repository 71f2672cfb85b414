import NIOCore
import OCI
import TestSupport
import Testing

@testable import Registry

/// Answers to pushes that are unusual, and after which a push must succeed all the same.
@Suite(.timeLimit(.minutes(10)))
struct OddUploadTests {
    private static let source = ByteSource.random(seed: 41, count: 6 << 20)

    private func upload(_ script: (ScriptedRegistry) -> Void) async throws -> [String] {
        try await ScriptedRegistry.with { registry in
            script(registry)
            _ = try await withClient { try await $0.push(registry).store(SampleReader(Self.source)) }
            #expect(registry.store.blob(Self.source.descriptor.digest, in: "library/app")?.count == Self.source.count)
            return registry.requests.map { "\($0.method) \($0.status ?? 0)" }
        }
    }

    @Test("An answer without a body may claim any length")
    func claimsLength() async throws {
        let answer = "HTTP/1.1 204 No Content\r\nContent-Length: \(Int64.max)\r\n\r\n"
        try await RawServer.with(answering: Array(answer.utf8)) { port in
            let host: RegistryHost = "registry.test"
            let settings = HostSettings(endpoint: "http://127.0.0.1:\(port)")
            let manifest = try Manifest(bytes: SampleImage.image().topBytes, contentType: .ociManifest)
            await #expect(throws: RegistryError.self) {
                try await withClient(hosts: [host: settings], retry: RetryPolicy(attempts: 1)) { client in
                    let location = RepositoryReference(host: host, repository: "library/app")
                    _ = try await client.repository(location, for: .push).store(manifest, as: "v1")
                }
            }
        }
    }

    @Test("Where parts are refused the blob is sent whole in a new session", arguments: [400, 405, 501])
    func avoidsParts(status: Int) async throws {
        let transcript = try await upload { registry in
            registry.script(RequestMatch("PUT", .uploads), .resetUpload(afterBytes: 2 << 20))
            registry.script(RequestMatch("PATCH", .uploads, times: nil), .status(status))
        }
        #expect(transcript.filter { $0.hasPrefix("PATCH") }.count == 1)
        #expect(transcript.last == "PUT 201")
    }

    private static let hasBytes: @Sendable (RecordedRequest) -> Bool = { $0.headers["content-length"] != "0" }

    @Test(
        "A registry that takes no bytes with their digest gets them before it, and later blobs at once so",
        arguments: [
            (404, "BLOB_UNKNOWN", 1), (405, "UNSUPPORTED", 1), (411, "UNKNOWN", 1), (415, "UNKNOWN", 1),
            (501, "UNSUPPORTED", 1), (400, "DIGEST_INVALID", 2),
        ]
    )
    func avoidsWhole(status: Int, code: String, refusals: Int) async throws {
        try await ScriptedRegistry.with { registry in
            let match = RequestMatch("PUT", .uploads, times: nil, where: Self.hasBytes)
            registry.script(match, .error(status, code))
            let sources = [Self.source, .random(seed: 43, count: 5 << 20)]
            try await withClient { client in
                for source in sources { _ = try await client.push(registry).store(SampleReader(source)) }
            }
            #expect(
                sources.allSatisfy {
                    registry.store.blob($0.descriptor.digest, in: "library/app")?.count == $0.count
                }
            )
            let transcript = registry.requests.map { "\($0.method) \($0.status ?? 0)" }
            let parts = ["POST 202", "PATCH 202", "PUT 201"]
            #expect(Array(transcript.suffix(6)) == parts + parts)
            #expect(transcript.count { $0 == "PUT \(status)" } == refusals)
            #expect(registry.store.openUploads == 0)
        }
    }

    @Test("A registry that takes neither a whole nor parts is asked for each a bounded number of times")
    func takesNothing() async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch("PUT", .uploads, times: nil, where: Self.hasBytes), .error(405, "UNSUPPORTED"))
            registry.script(RequestMatch("PATCH", .uploads, times: nil), .error(405, "UNSUPPORTED"))
            await #expect(throws: RegistryError.self) {
                try await withClient { _ = try await $0.push(registry).store(SampleReader(Self.source)) }
            }
            #expect((registry.count("PUT"), registry.count("PATCH")) == (2, 1))
        }
    }

    @Test(
        "A registry that is wrong about what it holds is given the rest; the digest decides",
        arguments: ["0-0", "0-1048575"]
    )
    func doubtsRanges(range: String) async throws {
        let transcript = try await upload { registry in
            registry.script(RequestMatch("PUT", .uploads), .replyEarly(.error(413, "SIZE_INVALID")))
            registry.script(RequestMatch("PATCH", .uploads, times: nil), .header("Range", range))
        }
        #expect(transcript.filter { $0.hasPrefix("POST") }.count == 2)
    }

    @Test("A registry that has lost what it was said to hold is given it a few times, and then up")
    func doubtsRangesOnce() async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch("PUT", .uploads), .replyEarly(.error(413, "SIZE_INVALID")))
            registry.script(RequestMatch("PUT", .uploads, times: nil), .error(400, "DIGEST_INVALID"))
            registry.script(RequestMatch("PATCH", .uploads, times: nil), .header("Range", "0-0"))
            await #expect(throws: RegistryError.self) {
                try await withClient { _ = try await $0.push(registry).store(SampleReader(Self.source)) }
            }
            #expect(registry.count("POST") < 10)
        }
    }

    @Test("The least size of a chunk holds for the whole upload, also where only its beginning names it")
    func remembersMinimumChunk() async throws {
        try await ScriptedRegistry.with { registry in
            registry.options.minimumChunk = 2 << 20
            let isLarge: @Sendable (RecordedRequest) -> Bool = {
                $0.headers["content-length"].flatMap { Int($0) } ?? 0 > 2 << 20
            }
            registry.script(
                RequestMatch(nil, .uploads, times: nil, where: isLarge),
                .replyEarly(.error(413, "SIZE_INVALID"))
            )
            registry.script(RequestMatch("PATCH", .uploads, times: nil), .header("OCI-Chunk-Min-Length", nil))
            _ = try await withClient { try await $0.push(registry).store(SampleReader(Self.source)) }
            let chunks = registry.requests.filter { $0.method == "PATCH" && $0.status == 202 }
            #expect(chunks.map(\.bodyByteCount) == [2 << 20, 2 << 20, 2 << 20])
        }
    }

    @Test("An interrupted upload goes on where the registry says that it is now")
    func followsStatus() async throws {
        let requests = try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch("PUT", .uploads), .resetUpload(afterBytes: 2 << 20))
            registry.script(RequestMatch("GET", .uploads), .flip { .header("Location", $0.path + "?_state=b%2F") })
            _ = try await withClient { try await $0.push(registry).store(SampleReader(Self.source)) }
            return registry.requests
        }
        #expect(requests.first { $0.method == "PATCH" }?.uri.hasSuffix("?_state=b%2F") == true)
    }

    @Test("A registry that calls by another digest what it was given is not asked whether it has it")
    func believesDigests() async throws {
        let other = "sha256:" + String(repeating: "0", count: 64)
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch("PUT", .any, times: nil), .header("Docker-Content-Digest", other))
            try await withClient { client in
                let target = client.push(registry)
                await #expect {
                    _ = try await target.store(SampleReader(Self.source))
                } throws: {
                    ($0 as? RegistryError)?.kind == .digestMismatch
                }
                registry.options.requiresChildren = false
                let image = SampleImage.image()
                let manifest = try Manifest(bytes: image.topBytes, contentType: image.top.mediaType)
                await #expect {
                    try await target.store(manifest, as: "v1")
                } throws: {
                    ($0 as? RegistryError)?.kind == .digestMismatch
                }
            }
            #expect(registry.count("HEAD") == 0)
        }
    }

    @Test("An upload that is opened with another status is one, where its place is told", arguments: [200, 201, 204])
    func opensUploads(status: Int) async throws {
        let transcript = try await upload { registry in
            registry.script(RequestMatch("POST", .uploads), .edit { $0.status = status })
        }
        #expect(transcript == ["POST \(status)", "PUT 201"])
    }

    @Test("A 416 that says too large means smaller pieces")
    func sendsSmallerPieces() async throws {
        let transcript = try await upload { registry in
            registry.script(
                RequestMatch(nil, .uploads, times: nil),
                .flip { request in
                    guard (request.headers["content-length"].flatMap { Int($0) } ?? 0) > 4 << 20 else { return nil }
                    return .replyEarly(Reply(416, body: "request body is too large"))
                }
            )
        }
        #expect(transcript.filter { $0 == "PATCH 202" }.count == 2)
    }

    @Test(
        "An upload may be opened at another origin, without credentials there, whatever leads to it",
        arguments: [301, 302, 307, 308]
    )
    func followsPosts(status: Int) async throws {
        try await ScriptedRegistry.with { other in
            try await ScriptedRegistry.with(authentication: .basic(username: "ci", password: "p4ss")) { registry in
                registry.script(
                    RequestMatch("POST", .uploads, times: nil),
                    .flip { .redirect(status, to: other.url + $0.uri) }
                )
                _ = try await withClient(credentials: registry.host.passwordVariables("ci", "p4ss")) {
                    try await $0.push(registry).store(SampleReader(Self.source))
                }
                #expect(other.store.blob(Self.source.descriptor.digest, in: "library/app") != nil)
                #expect(other.requests.allSatisfy { $0.headers["authorization"] == nil })
            }
        }
    }

    @Test("A mount that fails, however, leads to one real upload", arguments: [400, 403, 404, 405, 500, 502])
    func mountsOnce(status: Int) async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch("POST", .uploads, where: { $0.query["mount"] != nil }), .status(status))
            let outcome = try await withClient {
                try await $0.push(registry).store(SampleReader(Self.source), mountFrom: "library/base")
            }
            #expect(outcome == .stored(bytes: 6 << 20))
            #expect(registry.requests.count { $0.query["mount"] != nil } == 1)
        }
    }

    @Test("A mount that brought nothing is not repeated: the blob is sent")
    func doubtsMounts() async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(
                RequestMatch("POST", .uploads, times: nil, where: { $0.query["mount"] != nil }),
                .status(201)
            )
            try await withClient { client in
                let target = client.push(registry)
                let first = try await target.store(SampleReader(Self.source), mountFrom: "library/base")
                let second = try await target.store(SampleReader(Self.source), mountFrom: "library/base")
                #expect(first == .mounted(from: "library/base") && second == .stored(bytes: 6 << 20))
            }
        }
    }

    @Test("A token that is not given for a mount does not fail the push", arguments: [400, 401, 403, 404, 500])
    func mountsWithoutToken(status: Int) async throws {
        var rules = TokenIssuer.Rules()
        rules.accounts = ["ci": "p4ss"]
        try await ScriptedRegistry.with(authentication: .bearer(TokenIssuer(rules))) { registry in
            registry.script(
                RequestMatch("GET", .token, times: nil, where: { $0.uri.contains("base") }),
                .status(status)
            )
            let outcome = try await withClient(credentials: registry.host.passwordVariables("ci", "p4ss")) {
                try await $0.push(registry).store(SampleReader(Self.source), mountFrom: "library/base")
            }
            #expect(outcome == .stored(bytes: 6 << 20))
        }
    }

    @Test(
        "What was just pushed may be unknown for a moment",
        arguments: [
            (400, "MANIFEST_BLOB_UNKNOWN"), (404, "MANIFEST_UNKNOWN"), (404, "BLOB_UNKNOWN"), (400, "MANIFEST_INVALID"),
        ]
    )
    func waitsForLag(status: Int, code: String) async throws {
        try await ScriptedRegistry.with { registry in
            registry.options.requiresChildren = false
            registry.script(RequestMatch("PUT", .manifests, times: 3), .error(status, code))
            let image = SampleImage.image()
            let manifest = try Manifest(bytes: image.topBytes, contentType: image.top.mediaType)
            let clock = TestClock()
            try await withClient(retry: RetryPolicy(attempts: 1), clock: clock) { client in
                try await client.push(registry).store(manifest, as: "v1")
            }
            #expect(clock.sleeps == [.milliseconds(500), .seconds(1), .seconds(2)])
        }
    }

    @Test("A tag of a sha512 manifest stays one where the registry takes it so")
    func tagsDigests() async throws {
        let image = SampleImage.image(algorithm: .sha512)
        try await ScriptedRegistry.with { registry in
            registry.options.requiresChildren = false
            registry.script(RequestMatch("PUT", .manifests), .header("OCI-Tag", "v1"))
            let manifest = try Manifest(bytes: image.topBytes, contentType: image.top.mediaType, algorithm: .sha512)
            try await withClient { try await $0.push(registry).store(manifest, as: "v1") }
            #expect(registry.requests.map(\.uri) == ["/v2/library/app/manifests/\(image.digest)?tag=v1"])
        }
    }

    @Test(
        "A manifest whose sha512 the registry does not take is stored under its tag, without waiting",
        arguments: [
            (400, "DIGEST_INVALID", 2), (400, "MANIFEST_INVALID", 2), (404, "MANIFEST_UNKNOWN", 2),
            (405, "UNSUPPORTED", 2), (403, "DENIED", 1),
        ]
    )
    func refusedDigests(status: Int, code: String, requests: Int) async throws {
        let image = SampleImage.image(algorithm: .sha512)
        try await ScriptedRegistry.with { registry in
            registry.options.requiresChildren = false
            registry.script(RequestMatch("PUT", "/manifests/sha512:", times: nil), .error(status, code))
            let manifest = try Manifest(bytes: image.topBytes, contentType: image.top.mediaType, algorithm: .sha512)
            let clock = TestClock()
            _ = try? await withClient(clock: clock) { try await $0.push(registry).store(manifest, as: "v1") }
            #expect(registry.requests.count == requests && clock.sleeps.isEmpty)
            let stored = registry.store.digest(of: "v1", in: "library/app")
            #expect(stored == (requests == 2 ? Digest.of(image.topBytes) : nil))
        }
    }
}
