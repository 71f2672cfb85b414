import NIOCore
import OCI
import Registry
import TestSupport
import Testing

/// Small blobs in one request each, where a registry takes them so.
@Suite(.timeLimit(.minutes(10)))
struct WholeUploadTests {
    private static func source(_ seed: Int, _ count: Int = 1000) -> ByteSource {
        .random(seed: UInt64(seed), count: count)
    }

    /// Uploads blobs one after the other, and gives the methods and statuses of the requests.
    private func upload(
        _ sources: [ByteSource],
        log: LogRecorder = LogRecorder(),
        leavingOpen: Int = 0,
        _ script: (ScriptedRegistry) -> Void
    ) async throws -> [String] {
        try await ScriptedRegistry.with { registry in
            script(registry)
            try await withClient(log: log) { client in
                for source in sources { _ = try await client.push(registry).store(SampleReader(source)) }
            }
            for source in sources {
                #expect(registry.store.blob(source.descriptor.digest, in: "library/app")?.count == source.count)
            }
            #expect(registry.store.openUploads == leavingOpen)
            return registry.requests.map { "\($0.method) \($0.status ?? 0)" }
        }
    }

    @Test("A registry that takes a small blob in one request gets all small ones so, and large ones as ever")
    func taken() async throws {
        let log = LogRecorder()
        let blobs = [Self.source(1), Self.source(2, 256 << 10), Self.source(3, 257 << 10), Self.source(4, 1)]
        let seen = try await upload(blobs, log: log) { $0.options.takesWholeUploads = true }
        #expect(seen == ["POST 201", "POST 201", "POST 202", "PUT 201", "POST 201"])
        #expect(log.text.contains("a host takes a small blob in one request"))
    }

    @Test("A registry that opens an upload instead gets the bytes there, and is not tried again")
    func opensUpload() async throws {
        let log = LogRecorder()
        let seen = try await upload([Self.source(1), Self.source(2)], log: log) { _ in }
        #expect(seen == ["POST 202", "PUT 201", "POST 202", "PUT 201"])
        #expect(log.text.contains("a host does not take a small blob in one request"))
    }

    @Test(
        "A registry that takes it as the first part of an upload has all of the blob then, whether or not it says so",
        arguments: [
            (true, ["POST 202", "PUT 201", "POST 202", "PUT 201"]),
            (false, ["POST 202", "PUT 400", "DELETE 404", "POST 202", "PUT 201", "POST 202", "PUT 201"]),
        ]
    )
    func firstPart(isTold: Bool, expected: [String]) async throws {
        let seen = try await upload([Self.source(1), Self.source(2)]) { registry in
            registry.options.keepsOffered = true
            registry.options.tellsOffered = isTold
        }
        #expect(seen == expected)
    }

    @Test("A registry that says 201 of an upload that it opens has not taken the blob", arguments: [true, false])
    func createsUpload(isNamed: Bool) async throws {
        let seen = try await upload([Self.source(1), Self.source(2)]) { registry in
            registry.script(
                RequestMatch("POST", .uploads, times: nil),
                .edit { reply in
                    reply.status = 201
                    guard !isNamed else { return }
                    reply.headers["Range"] = nil
                    reply.headers["Docker-Upload-UUID"] = nil
                }
            )
        }
        #expect(seen == ["POST 201", "PUT 201", "POST 201", "PUT 201"])
    }

    @Test("A mount that leads to an upload has mounted nothing, though its status is 201")
    func mountsNothing() async throws {
        let source = Self.source(1)
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch("POST", .uploads), .edit { $0.status = 201 })
            let outcome = try await withClient {
                try await $0.push(registry).store(SampleReader(source), mountFrom: "library/base")
            }
            #expect(outcome == .stored(bytes: 1000))
            #expect(registry.requests.map(\.method) == ["POST", "PUT"])
            #expect(registry.store.blob(source.descriptor.digest, in: "library/app") != nil)
        }
    }

    @Test("One that names the upload by which a blob came has taken it")
    func namesUpload() async throws {
        let seen = try await upload([Self.source(1), Self.source(2)]) { registry in
            registry.options.takesWholeUploads = true
            registry.options.sendsContentDigest = false
            registry.script(RequestMatch("POST", .uploads, times: nil), .header("Docker-Upload-UUID", "upload-1"))
        }
        #expect(seen == ["POST 201", "POST 201"])
    }

    @Test("Only a blob that is small enough to be sent in vain finds it out")
    func trial() async throws {
        let blobs = [Self.source(1, 65 << 10), Self.source(2, 0), Self.source(3, 64 << 10), Self.source(4, 65 << 10)]
        let seen = try await upload(blobs) { $0.options.takesWholeUploads = true }
        #expect(seen == ["POST 202", "PUT 201", "POST 202", "PUT 201", "POST 201", "POST 201"])
    }

    @Test(
        "A registry that refuses it gets the blob the usual way, at once, and is not tried again",
        arguments: [400, 404, 405, 411, 413, 415, 500, 501]
    )
    func refused(status: Int) async throws {
        let log = LogRecorder()
        let seen = try await upload([Self.source(1), Self.source(2)], log: log) { registry in
            registry.script(
                RequestMatch("POST", .uploads, times: nil) { $0.query["digest"] != nil },
                .error(status, "UNSUPPORTED")
            )
        }
        #expect(seen == ["POST \(status)", "POST 202", "PUT 201", "POST 202", "PUT 201"])
        #expect(log.text.contains("answer: \(status)") || log.text.contains("\"answer\": \(status)"), "\(log.text)")
    }

    @Test("A registry that hangs up on it, or answers with sense for nobody, gets the blob the usual way")
    func broken() async throws {
        // What is answered with a reset has opened an upload of which nobody hears.
        let cases: [(Action, open: Int)] = [
            (.resetBeforeHead, 1), (.resetUpload(afterBytes: 10), 0), (.status(202), 0), (.status(204), 0),
        ]
        for (action, open) in cases {
            let seen = try await upload([Self.source(1), Self.source(2)], leavingOpen: open) { registry in
                registry.script(RequestMatch("POST", .uploads, times: nil) { $0.query["digest"] != nil }, action)
            }
            #expect(seen.suffix(4) == ["POST 202", "PUT 201", "POST 202", "PUT 201"], "\(action)")
            #expect(seen.count <= 6, "\(seen)")
        }
    }

    @Test("A connection that breaks says nothing of a registry that has taken others so")
    func brokenLater() async throws {
        let blobs = [Self.source(1), Self.source(2), Self.source(3)]
        let seen = try await upload(blobs) { registry in
            registry.options.takesWholeUploads = true
            registry.script(RequestMatch("POST", .uploads, after: 1), .resetUpload(afterBytes: 10))
        }
        #expect(seen.first == "POST 201")
        #expect(seen.suffix(3) == ["POST 202", "PUT 201", "POST 201"], "\(seen)")
    }

    @Test("A rate limit says nothing of it")
    func limited() async throws {
        let seen = try await upload([Self.source(1), Self.source(2)]) { registry in
            registry.options.takesWholeUploads = true
            registry.script(
                RequestMatch("POST", .uploads),
                .error(429, "TOOMANYREQUESTS", headers: ["Retry-After": "2"])
            )
        }
        #expect(seen == ["POST 429", "POST 202", "PUT 201", "POST 201"])
    }

    @Test("While the first one is under way, others go the usual way")
    func oneAsks() async throws {
        try await ScriptedRegistry.with { registry in
            registry.options.takesWholeUploads = true
            let gate = Gate()
            registry.script(RequestMatch("POST", .uploads) { $0.query["digest"] != nil }, .holdHead(gate))
            try await withClient { client in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { _ = try await client.push(registry).store(SampleReader(Self.source(1))) }
                    try await gate.waitForArrivals()
                    _ = try await client.push(registry).store(SampleReader(Self.source(2)))
                    gate.open()
                    try await group.waitForAll()
                }
                _ = try await client.push(registry).store(SampleReader(Self.source(3)))
            }
            #expect(registry.count("PUT") == 1)
            #expect(registry.count("POST") == 3)
        }
    }

    @Test("One that is cancelled while it is under way leaves the question open")
    func cancelled() async throws {
        try await ScriptedRegistry.with { registry in
            registry.options.takesWholeUploads = true
            let gate = Gate()
            registry.script(RequestMatch("POST", .uploads), .holdHead(gate))
            try await withClient { client in
                try await cancel(client.push(registry), SampleReader(Self.source(1)), whenAt: gate)
                gate.open()
                registry.forgetRequests()
                _ = try await client.push(registry).store(SampleReader(Self.source(2)))
            }
            #expect(registry.requests.map(\.method) == ["POST"])
        }
    }

    @Test("So does one that is cancelled while it waits for its source")
    func cancelledReading() async throws {
        try await ScriptedRegistry.with { registry in
            registry.options.takesWholeUploads = true
            let gate = Gate()
            try await withClient { client in
                try await cancel(client.push(registry), HeldReader(source: Self.source(1), gate: gate), whenAt: gate)
                #expect(registry.requests.isEmpty)
                _ = try await client.push(registry).store(SampleReader(Self.source(2)))
            }
            #expect(registry.requests.map(\.method) == ["POST"])
        }
    }

    /// Gives nothing until it is cancelled.
    private struct HeldReader: BlobReader {
        let source: ByteSource
        let gate: Gate
        var descriptor: Descriptor { source.descriptor }

        func read(at offset: Int64, atMost count: Int) async throws -> ByteBuffer {
            gate.pass {}
            try await Watched(false).wait { $0 }
            return source.read(at: Int(offset), count: count)
        }
    }

    /// Cancels an upload that has come to a gate.
    private func cancel(_ target: Repository, _ reader: any BlobReader, whenAt gate: Gate) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { _ = try await target.store(reader) }
            try await gate.waitForArrivals()
            group.cancelAll()
            await #expect(throws: CancellationError.self) { try await group.next() }
        }
    }

    @Test("A reader that fails leaves the question open")
    func readerFails() async throws {
        try await ScriptedRegistry.with { registry in
            registry.options.takesWholeUploads = true
            try await withClient { client in
                await #expect(throws: SampleReader.Broken()) {
                    _ = try await client.push(registry).store(SampleReader(Self.source(1), failsAt: 0))
                }
                #expect(registry.requests.isEmpty)
                _ = try await client.push(registry).store(SampleReader(Self.source(2)))
            }
            #expect(registry.requests.map(\.method) == ["POST"])
        }
    }

    @Test("Once a manifest's blobs are unknown to a registry, it is believed no more that it takes them so")
    func lies() async throws {
        let image = SampleImage.image()
        let manifest = try Manifest(bytes: image.topBytes, contentType: image.top.mediaType)
        try await ScriptedRegistry.with { registry in
            registry.script(
                RequestMatch("POST", .uploads, times: nil) { $0.query["digest"] != nil },
                .status(201, headers: ["Location": "/v2/library/app/blobs/sha256:0"])
            )
            try await withClient { client in
                let target = client.push(registry)
                for blob in image.blobs { _ = try await target.store(SampleReader(blob.source)) }
                #expect(registry.count("PUT") == 0)
                await #expect {
                    try await target.store(manifest, as: "v1")
                } throws: {
                    if case .blobUnknown = ($0 as? RegistryError)?.kind { true } else { false }
                }
                for blob in image.blobs { _ = try await target.store(SampleReader(blob.source)) }
                try await target.store(manifest, as: "v1")
            }
            #expect(registry.store.holds(image, repository: "library/app"))
        }
    }
}
