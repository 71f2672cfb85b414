import NIOCore
import OCI
import Registry
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct BlobUploadTests {
    private static let source = ByteSource.random(seed: 9, count: 3 << 20)

    /// Uploads one blob of 3 MiB to a registry with a script.
    private func upload(
        _ source: ByteSource = Self.source,
        _ script: (ScriptedRegistry) -> Void
    ) async throws -> (isThere: Bool, sent: Int64, transcript: [String]) {
        try await ScriptedRegistry.with { registry in
            script(registry)
            let outcome = try await withClient { try await $0.push(registry).store(SampleReader(source)) }
            guard case .stored(let sent) = outcome else { return (false, 0, []) }
            let stored = registry.store.blob(source.descriptor.digest, in: "library/app")
            return (stored?.count == source.count, sent, registry.requests.map { "\($0.method) \($0.status ?? 0)" })
        }
    }

    @Test("A blob takes one POST and one PUT")
    func uploads() async throws {
        let result = try await upload { _ in }
        #expect(result.isThere)
        #expect(result.sent == 3 << 20)
        #expect(result.transcript == ["POST 202", "PUT 201"])
    }

    @Test("An empty blob is uploaded like any other")
    func uploadsNothing() async throws {
        let result = try await upload(ByteSource(ByteBuffer())) { _ in }
        #expect(result.isThere)
        #expect(result.sent == 0)
    }

    @Test(
        "The session's place is understood in all forms",
        arguments: [LocationForm.relative, .absolute, .schemeRelative, .withQuery]
    )
    func followsLocations(form: LocationForm) async throws {
        let result = try await upload { $0.script(RequestMatch("POST", .uploads), .uploadLocation(form)) }
        #expect(result.isThere)
    }

    @Test("A place over TLS at the very port that has answered without is reached without")
    func staysPlain() async throws {
        let result = try await upload {
            $0.script(RequestMatch(nil, .uploads, times: nil), .uploadLocation(.origin("https://\($0.host)")))
        }
        #expect(result.isThere)
        #expect(result.transcript == ["POST 202", "PUT 201"])
    }

    @Test("After an interruption only the rest is sent")
    func resumes() async throws {
        let result = try await upload { $0.script(RequestMatch("PUT", .uploads), .resetUpload(afterBytes: 2 << 20)) }
        #expect(result.isThere)
        #expect(result.transcript.contains { $0.hasPrefix("GET") })
        #expect(result.transcript.contains { $0.hasPrefix("PATCH") })
        #expect(result.sent < 2 * (3 << 20))
    }

    @Test("Where the registry kept nothing the upload starts over in a new session")
    func startsOver() async throws {
        let result = try await upload { registry in
            registry.options.keepsPartialUploads = false
            registry.script(RequestMatch("PUT", .uploads), .resetUpload(afterBytes: 1 << 20))
        }
        #expect(result.isThere)
        #expect(result.transcript.filter { $0.hasPrefix("POST") }.count == 2)
    }

    @Test(
        "Failures that pass are survived",
        arguments: [
            Action.error(503, "UNKNOWN"), .error(500, "UNKNOWN"), .error(404, "BLOB_UPLOAD_UNKNOWN"), .resetBeforeHead,
            .replyEarlyAndClose(.error(502, "UNKNOWN")), .error(429, "TOOMANYREQUESTS"),
        ]
    )
    func retries(fault: Action) async throws {
        #expect(try await upload { $0.script(RequestMatch("PUT", .uploads), fault) }.isThere)
        #expect(try await upload { $0.script(RequestMatch("POST", .uploads), fault) }.isThere)
    }

    @Test("A registry that refuses large requests gets chunks")
    func chunks() async throws {
        let result = try await upload { registry in
            registry.script(RequestMatch(nil, .uploads, times: nil), .largestRequest(bytes: 1 << 20))
        }
        #expect(result.isThere)
        #expect(result.transcript.filter { $0 == "PATCH 202" }.count == 3)
    }

    @Test("What the reader throws is thrown as it is, and the session is given up")
    func passesReaderErrors() async throws {
        try await ScriptedRegistry.with { registry in
            try await withClient { client in
                await #expect(throws: SampleReader.Broken()) {
                    _ = try await client.push(registry).store(SampleReader(Self.source, failsAt: 1 << 20))
                }
            }
            #expect(registry.requests.map(\.method) == ["POST", "PUT", "DELETE"])
            #expect(registry.store.openUploads == 0)
        }
    }

    @Test("An upload that was refused does not wait until its end is answered, and nobody else does for long")
    func refusedAndSilent() async throws {
        let clock = ManualClock()
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch("PUT", .uploads, times: nil), .status(403))
            registry.script(RequestMatch("DELETE", .uploads, times: nil), .holdHead(Gate()))
            registry.load(.image(), repository: "library/app", tag: "v1")
            let host = HostSettings(maxConnections: 1)
            try await withClient(hosts: [registry.host: host], timeoutClock: clock) { client async throws in
                let error = await #expect(throws: RegistryError.self) {
                    _ = try await client.push(registry).store(SampleReader(Self.source))
                }
                #expect(error?.status == 403)
                try await registry.waitForRequests { $0.last?.method == "DELETE" }
                async let tags = client.pull(registry).tags()
                try await clock.waitForSleepers(2)
                clock.advance(by: .seconds(5))
                #expect(try await tags == ["v1"])
            }
        }
    }

    @Test("Uploads that are open come to their end before many more are opened")
    func endsFirst() async throws {
        try await ScriptedRegistry.with { registry in
            let host = HostSettings(maxConnections: 1)
            try await withClient(hosts: [registry.host: host]) { client async throws in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for seed in 0..<12 {
                        let reader = SampleReader(.random(seed: UInt64(seed), count: 1000))
                        group.addTask { _ = try await client.push(registry).store(reader) }
                    }
                    try await group.waitForAll()
                }
            }
            var (open, most) = (0, 0)
            for request in registry.requests {
                open += request.method == "POST" ? 1 : request.method == "PUT" ? -1 : 0
                most = max(most, open)
            }
            #expect(open == 0)
            #expect(most <= 3)
        }
    }

    @Test("An upload whose task is cancelled is given up at the registry")
    func cancelled() async throws {
        try await ScriptedRegistry.with { registry async throws in
            try await withClient { client async throws in
                let reader = StuckReader(reader: SampleReader(Self.source), from: 1 << 20)
                await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { _ = try await client.push(registry).store(reader) }
                    try? await reader.isStuck.wait { $0 }
                    #expect(registry.store.openUploads == 1)
                    group.cancelAll()
                }
            }
            #expect(registry.store.openUploads == 0)
        }
    }

    @Test("An upload that is cancelled while it waits to give up a session gives it up for all that")
    func cancelledBetween() async throws {
        let (gate, clock) = (Gate(), ManualClock())
        try await ScriptedRegistry.with { registry async throws in
            registry.script(RequestMatch("PUT", .uploads), .all([.holdHead(gate), .error(413, "SIZE_INVALID")]))
            let limit = Action.error(429, "TOOMANYREQUESTS", headers: ["Retry-After": "30"])
            registry.script(RequestMatch("GET", .tags, times: nil), limit)
            try await withClient(clock: clock) { client async throws in
                await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { _ = try await client.push(registry).store(SampleReader(Self.source)) }
                    try? await gate.waitForArrivals()
                    group.addTask { _ = try await client.pull(registry).tags() }
                    try? await clock.waitForSleepers()
                    gate.open()
                    // Who asks for the tags waits for the pause, and so does who gives the session up.
                    try? await clock.waitForSleepers(2)
                    group.cancelAll()
                }
                clock.advance(by: .seconds(31))
            }
            #expect(registry.count("PUT") == 1)
            #expect(registry.store.openUploads == 0)
        }
    }

    @Test("An upload that finds its blob brought by somebody else gives its own session up")
    func overtaken() async throws {
        let result = try await upload { registry in
            registry.script(
                RequestMatch("PUT", .uploads),
                .flip { [store = registry.store] _ in
                    store.putBlob(.bytes(Self.source), Self.source.descriptor.digest, in: "library/app")
                    return .status(502)
                }
            )
        }
        #expect(result.isThere)
        #expect(result.transcript == ["POST 202", "PUT 502", "GET 204", "HEAD 200", "DELETE 204"])
    }

    @Test("A mount takes no bytes; a refused one goes on in the session that was opened")
    func mounts() async throws {
        try await ScriptedRegistry.with { registry in
            let descriptor = Self.source.descriptor
            registry.store.putBlob(.bytes(Self.source), descriptor.digest, in: "library/base")
            try await withClient { client in
                let target = client.push(registry)
                #expect(try await target.contains(descriptor) == false)
                let first = try await target.store(SampleReader(Self.source), mountFrom: "library/base")
                #expect(first == .mounted(from: "library/base"))
                #expect(try await target.contains(descriptor))
                registry.options.mounts = false
                registry.forgetRequests()
                let second = try await client.push(registry, "library/b")
                    .store(SampleReader(Self.source), mountFrom: "library/base")
                #expect(second == .stored(bytes: 3 << 20))
            }
            #expect(registry.requests.map(\.method) == ["POST", "PUT"])
        }
    }

    @Test("A manifest that lacks its blobs says so")
    func reportsMissingBlobs() async throws {
        let image = SampleImage.image()
        try await ScriptedRegistry.with { registry in
            let manifest = try Manifest(bytes: image.topBytes, contentType: image.top.mediaType)
            await #expect {
                try await withClient { try await $0.push(registry).store(manifest, as: "v1") }
            } throws: { error in
                if case .blobUnknown = (error as? RegistryError)?.kind { true } else { false }
            }
        }
    }
}

/// Has no more bytes than those before an offset, until it is cancelled.
private struct StuckReader: BlobReader {
    let reader: SampleReader
    let from: Int64
    let isStuck = Watched(false)

    var descriptor: Descriptor { reader.descriptor }

    func read(at offset: Int64, atMost count: Int) async throws -> ByteBuffer {
        guard offset < from else {
            isStuck.update { $0 = true }
            try await Watched(false).wait { $0 }
            return ByteBuffer()
        }
        return try await reader.read(at: offset, atMost: count)
    }
}
