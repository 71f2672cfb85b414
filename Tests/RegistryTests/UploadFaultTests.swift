import NIOCore
import OCI
import Registry
import Synchronization
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct UploadFaultTests {
    private static let source = ByteSource.random(seed: 11, count: 3 << 20)

    private struct Outcome {
        let isThere: Bool
        let sent: Int64
        let transcript: [String]
        let requests: [RecordedRequest]
    }

    /// Uploads one blob of 3 MiB to a registry with a script.
    private func upload(
        authentication: Authentication = .none,
        _ script: (ScriptedRegistry) -> Void = { _ in },
        credentials: (RegistryHost) -> [String: String] = { _ in [:] }
    ) async throws -> Outcome {
        try await ScriptedRegistry.with(authentication: authentication) { registry in
            script(registry)
            let outcome = try await withClient(credentials: credentials(registry.host)) {
                try await $0.push(registry).store(SampleReader(Self.source))
            }
            guard case .stored(let sent) = outcome else { throw SampleReader.Broken() }
            let stored = registry.store.blob(Self.source.descriptor.digest, in: "library/app")
            return Outcome(
                isThere: stored?.count == Self.source.count,
                sent: sent,
                transcript: registry.requests.map { "\($0.method) \($0.status ?? 0)" },
                requests: registry.requests
            )
        }
    }

    @Test("Bytes that the registry calls wrong are hashed again here, and sent once more when they are right")
    func sendsRightBytesAgain() async throws {
        let result = try await upload { $0.script(RequestMatch("PUT", .uploads), .error(400, "DIGEST_INVALID")) }
        #expect(result.isThere)
        #expect(result.transcript.filter { $0 == "POST 202" }.count == 2)
        #expect(result.sent == 6 << 20)
    }

    @Test("A registry that loses patience with a source that pauses is not what failed")
    func outlastsImpatience() async throws {
        try await ScriptedRegistry.with { registry in
            for _ in 1...2 { registry.script(RequestMatch("PUT", .uploads), .replyEarly(.error(408, "TIMEOUT"))) }
            let reads = Mutex(0)
            let reader = PausingReader(source: Self.source) {
                let isPausing = reads.withLock { count in
                    count += 1
                    return count <= 2
                }
                guard isPausing else { return }
                // Nothing comes until nobody waits for it.
                for await _ in AsyncStream<Never>.makeStream().stream {}
                try Task.checkCancellation()
            }
            _ = try await withClient(retry: RetryPolicy(attempts: 1)) { try await $0.push(registry).store(reader) }
            #expect(registry.store.blob(Self.source.descriptor.digest, in: "library/app")?.count == Self.source.count)
        }
    }

    private struct PausingReader: BlobReader {
        let source: ByteSource
        let wait: @Sendable () async throws -> Void
        var descriptor: Descriptor { source.descriptor }

        func read(at offset: Int64, atMost count: Int) async throws -> ByteBuffer {
            if offset == 0 { try await wait() }
            return source.read(at: Int(offset), count: count)
        }
    }

    @Test("A source that ends before its blob does ends the upload")
    func shortSource() async throws {
        struct ShortReader: BlobReader {
            let descriptor: Descriptor

            func read(at offset: Int64, atMost count: Int) async throws -> ByteBuffer {
                offset < 1 << 20 ? ByteBuffer(repeating: 7, count: min(count, (1 << 20) - Int(offset))) : ByteBuffer()
            }
        }
        try await ScriptedRegistry.with { registry in
            await #expect {
                try await withClient {
                    _ = try await $0.push(registry).store(ShortReader(descriptor: Self.source.descriptor))
                }
            } throws: { ($0 as? DocumentError)?.kind == .structure }
            #expect(registry.store.openUploads == 0)
        }
    }

    @Test(
        "A tag that cannot be written twice is there when the first answer was lost",
        arguments: [(400, "TAG_INVALID"), (409, "CONFLICT"), (412, "PRECONDITION"), (403, "DENIED")],
        [true, false]
    )
    func lostAnswer(refusal: (status: Int, code: String), isTheSame: Bool) async throws {
        let image = SampleImage.image()
        try await ScriptedRegistry.with { registry in
            registry.load(image, repository: "library/app")
            registry.script(RequestMatch("PUT", .manifests), isTheSame ? .closeBeforeHead : .status(502))
            registry.script(RequestMatch("PUT", .manifests, times: nil), .error(refusal.status, refusal.code))
            let manifest = try await withClient { try await $0.pull(registry).manifest(.digest(image.top.digest)) }
            let push = { _ = try await withClient { try await $0.push(registry).store(#require(manifest), as: "v1") } }
            if isTheSame { try await push() } else { await #expect(throws: RegistryError.self) { try await push() } }
            #expect(registry.store.tags(of: "library/app").count == (isTheSame ? 1 : 0))
        }
    }

    @Test(
        "A manifest that was not stored, as a gateway says, is there when the registry shows it",
        arguments: [500, 504]
    )
    func storedInSecret(status: Int) async throws {
        let image = SampleImage.image()
        let manifest = try Manifest(bytes: image.topBytes, contentType: image.top.mediaType)
        try await ScriptedRegistry.with { registry in
            registry.load(image, repository: "library/app")
            registry.script(RequestMatch("PUT", .manifests), .edit { $0 = Reply(status) })
            try await withClient { try await $0.push(registry).store(manifest, as: "v1") }
            #expect(registry.requests.map(\.method) == ["PUT", "HEAD"])
            registry.script(RequestMatch("PUT", .manifests, times: nil), .status(status))
            registry.forgetRequests()
            await #expect(throws: RegistryError.self) {
                try await withClient { try await $0.push(registry).store(manifest, as: "v2") }
            }
            #expect(registry.requests.map(\.method) == ["PUT", "HEAD", "GET", "PUT", "PUT", "HEAD", "GET"])
        }
    }

    @Test(
        "A blob that is refused at its end because somebody else has brought it is there",
        arguments: [409, 412, 422],
        [true, false]
    )
    func broughtBySomebody(status: Int, isThere: Bool) async throws {
        try await ScriptedRegistry.with { registry in
            if isThere { registry.store.putBlob(.bytes(Self.source), Self.source.descriptor.digest, in: "library/app") }
            registry.script(RequestMatch("PUT", .uploads, times: nil), .status(status))
            let store = { try await withClient { try await $0.push(registry).store(SampleReader(Self.source)) } }
            if isThere {
                _ = try await store()
            } else {
                await #expect(throws: RegistryError.self) { _ = try await store() }
            }
            #expect(registry.store.openUploads == 0)
        }
    }

    @Test("A registry that calls right bytes wrong twice, and then in a part too, is believed to be broken")
    func givesUpOnDigests() async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch("PUT", .uploads, times: nil), .error(400, "DIGEST_INVALID"))
            await #expect {
                try await withClient { _ = try await $0.push(registry).store(SampleReader(Self.source)) }
            } throws: { ($0 as? RegistryError)?.code == .digestInvalid }
            #expect(
                registry.requests.map(\.method).filter { $0.hasPrefix("P") }.joined(separator: " ")
                    == "POST PUT POST PUT POST PATCH PUT"
            )
        }
    }

    @Test("Wrong bytes here are reported as such: the reader's own error, or the difference")
    func reportsWrongBytes() async throws {
        try await ScriptedRegistry.with { registry in
            try await withClient { client in
                let target = client.push(registry)
                let other = Self.source.descriptor
                await #expect {
                    _ = try await target.store(RottenReader(descriptor: other, failsWhenReread: false))
                } throws: {
                    ($0 as? DocumentError)?.kind == .digestMismatch
                }
                await #expect(throws: SampleReader.Broken()) {
                    _ = try await target.store(RottenReader(descriptor: other, failsWhenReread: true))
                }
            }
            #expect(registry.count("PUT") == 2)
            #expect(registry.store.openUploads == 0)
        }
    }

    @Test("After a 416 the upload goes on where the registry says it is")
    func resynchronizes() async throws {
        let result = try await upload { registry in
            registry.script(RequestMatch("PUT", .uploads), .resetUpload(afterBytes: 1 << 20))
            registry.script(RequestMatch("PATCH", .uploads), .error(416, "BLOB_UPLOAD_INVALID"))
        }
        #expect(result.isThere)
        #expect(result.transcript.filter { $0.hasPrefix("POST") }.count == 1)
        #expect(result.transcript.filter { $0 == "GET 204" }.count == 2)
    }

    @Test("Chunks are no smaller than the registry wants them", arguments: [nil, 2 << 20, 3 << 20, .max] as [Int?])
    func keepsMinimumChunk(minimum: Int?) async throws {
        let result = try await upload { registry in
            registry.options.minimumChunk = minimum
            registry.script(RequestMatch("PUT", .uploads), .replyEarly(.error(413, "SIZE_INVALID")))
        }
        #expect(result.isThere)
        let chunks = result.requests.filter { $0.method == "PATCH" }
        #expect(chunks.map(\.bodyByteCount).reduce(0, +) == Self.source.count)
        #expect(chunks.dropLast().allSatisfy { $0.bodyByteCount >= max(1 << 20, minimum ?? 0) })
        #expect(chunks.allSatisfy { $0.headers["content-range"]?.hasPrefix("bytes") == false })
        #expect(chunks.count == (minimum == nil ? 3 : minimum == 2 << 20 ? 2 : 1))
    }

    @Test("A minimum that cannot be met and a position beyond all bounds do no harm")
    func survivesHugeNumbers() async throws {
        let result = try await upload { registry in
            registry.options.minimumChunk = .max
            registry.script(RequestMatch("PUT", .uploads), .replyEarly(.error(413, "SIZE_INVALID")))
            registry.script(RequestMatch("PATCH", .uploads), .resetUpload(afterBytes: 1 << 20))
            registry.script(RequestMatch("GET", .uploads), .header("Range", "0-\(Int64.max)"))
        }
        #expect(result.isThere)
    }

    @Test(
        "An answer that comes before the body is read ends the sending",
        arguments: [(413, "PATCH"), (500, "PUT"), (401, "PUT")]
    )
    func takesEarlyAnswers(status: Int, next: String) async throws {
        for isClosing in [false, true] {
            let reply = Reply.error(status, "UNKNOWN", headers: ["WWW-Authenticate": "Basic realm=\"x\""])
            let fault: Action = isClosing ? .replyEarlyAndClose(reply) : .replyEarly(reply)
            let result = try await upload(
                { $0.script(RequestMatch("PUT", .uploads), fault) },
                credentials: { $0.passwordVariables("ci", "pw") }
            )
            #expect(result.isThere, "\(status)")
            #expect(result.transcript.contains { $0.hasPrefix(next) })
        }
    }

    @Test("A password is asked for in mid-upload: the same request is sent again with it")
    func authorizesUploads() async throws {
        let result = try await upload(
            authentication: .basic(username: "ci", password: "pw"),
            credentials: { $0.passwordVariables("ci", "pw") }
        )
        #expect(result.isThere)
        #expect(result.transcript == ["POST 401", "POST 202", "PUT 201"])
    }

    @Test("A registry that stored the blob and hung up without an answer is not sent it again")
    func findsStoredBlobs() async throws {
        let result = try await upload { $0.script(RequestMatch("PUT", .uploads), .closeBeforeHead) }
        #expect(result.isThere)
        #expect(result.sent == 3 << 20)
        #expect(result.transcript.last == "HEAD 200")
    }

    @Test(
        "An upload that is taken with an unusual status is taken, and one that is answered oddly begins again",
        arguments: [
            ("PUT", Action.edit { $0.status = 200 }, 1), ("PUT", .edit { $0.status = 202 }, 1),
            ("PUT", .edit { $0.status = 204 }, 1), ("POST", .html, 2), ("POST", .header("Location", nil), 2),
        ] as [(String, Action, Int)]
    )
    func takesOddAnswers(method: String, answer: Action, posts: Int) async throws {
        let result = try await upload { $0.script(RequestMatch(method, .uploads), answer) }
        #expect(result.isThere)
        #expect(result.transcript.filter { $0.hasPrefix("POST") }.count == posts)
    }

    @Test(
        "A 400 that gives no reason of substance is worth one more try",
        arguments: ["UNKNOWN", "BLOB_UPLOAD_INVALID"]
    )
    func retriesRefusals(code: String) async throws {
        let result = try await upload { $0.script(RequestMatch("PUT", .uploads), .error(400, code)) }
        #expect(result.isThere)
    }

    @Test("A registry that hung up and stored nothing is sent it again", arguments: [true, false])
    func sendsLostBlobsAgain(keepsPart: Bool) async throws {
        let result = try await upload { registry in
            registry.options.keepsPartialUploads = keepsPart
            registry.script(RequestMatch("PUT", .uploads), .resetUpload(afterBytes: 3 << 20))
        }
        #expect(result.isThere)
        #expect(result.transcript.filter { $0.hasPrefix("POST") }.count == (keepsPart ? 1 : 2))
    }

    @Test("A refused mount that does not say where its session is does no harm")
    func mountsWithoutPlace() async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch("POST", .uploads), .header("Location", nil))
            let outcome = try await withClient {
                try await $0.push(registry).store(SampleReader(Self.source), mountFrom: "library/base")
            }
            #expect(outcome == .stored(bytes: 3 << 20))
        }
    }

    @Test("The time that an answer to a question may take is none for an upload")
    func outlastsQuestions() async throws {
        let (answer, questions) = (Gate(), Gate())
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch("PUT", .uploads), .holdHead(answer))
            registry.script(RequestMatch("GET", .tags, times: nil), .holdHead(questions))
            let retry = RetryPolicy(attempts: 1, timeout: .milliseconds(100))
            try await withClient(retry: retry, timeoutClock: ManualClock()) { client async throws in
                async let outcome = client.push(registry).store(SampleReader(Self.source))
                try await answer.waitForArrivals()
                // Each takes that time.
                for _ in 0..<2 {
                    await #expect(throws: RegistryError.self) { _ = try await client.pull(registry).tags() }
                }
                answer.open()
                #expect(try await outcome == .stored(bytes: Int64(Self.source.count)))
            }
            #expect(registry.count("PUT") == 1)
            questions.open()
        }
    }

    @Test("An upload whose answer does not come in time is given up and tried again")
    func cutsStalls() async throws {
        let gate = Gate()
        let clock = ManualClock()
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch("PUT", .uploads), .holdHead(gate))
            let log = LogRecorder()
            try await withClient(retry: RetryPolicy(attempts: 2), timeoutClock: clock, log: log) { client in
                async let outcome = client.push(registry).store(SampleReader(Self.source))
                try await gate.waitForArrivals()
                // The sender may learn later than the registry that all is sent; then its watch begins anew. What comes after
                // the upload that is given up is healthy, and has its time.
                while !log.text.contains("none: given up") {
                    clock.advance(by: .seconds(20))
                    for _ in 0..<100 { await Task.yield() }
                }
                _ = try await outcome
            }
            #expect(registry.store.blob(Self.source.descriptor.digest, in: "library/app") != nil)
            #expect(clock.now.offset >= .seconds(60))
            gate.open()
        }
    }
}

/// Gives other bytes than its descriptor says, and perhaps notices when it is read again.
private final class RottenReader: BlobReader {
    let descriptor: Descriptor
    private let failsWhenReread: Bool
    private let starts = Mutex(0)

    init(descriptor: Descriptor, failsWhenReread: Bool) {
        self.descriptor = descriptor
        self.failsWhenReread = failsWhenReread
    }

    func read(at offset: Int64, atMost count: Int) async throws -> ByteBuffer {
        let isReread = starts.withLock { starts in
            if offset == 0 { starts += 1 }
            return starts > 1
        }
        if isReread, failsWhenReread { throw SampleReader.Broken() }
        return ByteBuffer(repeating: 7, count: min(count, Int(descriptor.size - offset)))
    }
}
