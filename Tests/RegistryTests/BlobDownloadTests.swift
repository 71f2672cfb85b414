import NIOCore
import OCI
import Registry
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct BlobDownloadTests {
    private static let source = ByteSource.random(seed: 7, count: 3 << 20)

    /// Downloads one blob of 3 MiB from a registry with a script.
    private func download(
        _ source: ByteSource = Self.source,
        from offset: Int64 = 0,
        retry: RetryPolicy = RetryPolicy(),
        _ script: (ScriptedRegistry) -> Void
    ) async throws -> (isRight: Bool, requests: [RecordedRequest]) {
        try await ScriptedRegistry.with { registry in
            let descriptor = source.descriptor
            registry.store.putBlob(.bytes(source), descriptor.digest, in: "library/app")
            script(registry)
            let bytes = try await withClient(retry: retry) { client in
                try await client.pull(registry).bytes(of: descriptor, from: offset)
            }
            let expected = source.read(at: Int(offset), count: source.count)
            return (bytes == expected, registry.requests)
        }
    }

    @Test("A blob arrives in one request, without Range, with identity encoding")
    func downloads() async throws {
        let result = try await download { _ in }
        #expect(result.isRight)
        #expect(result.requests.count == 1)
        #expect(result.requests.first?.headers["range"] == nil)
        #expect(result.requests.first?.headers["accept-encoding"] == "identity")
        #expect(result.requests.first?.headers["user-agent"] == "imglife/test")
    }

    @Test("Reading starts at the offset, and at the end nothing is asked", arguments: [1, 1 << 20, 3 << 20] as [Int64])
    func startsAtOffset(offset: Int64) async throws {
        let result = try await download(from: offset) { _ in }
        #expect(result.isRight)
        #expect(result.requests.map { $0.headers["range"] ?? "" } == (offset == 3 << 20 ? [] : ["bytes=\(offset)-"]))
    }

    @Test(
        "A broken transfer goes on where it stopped",
        arguments: [Action.reset(afterBytes: 2_000_000), .close(afterBytes: 2_000_000)]
    )
    func resumes(fault: Action) async throws {
        let result = try await download { $0.script(RequestMatch("GET", .blobs), fault) }
        #expect(result.isRight)
        #expect(result.requests.count == 2)
        #expect(result.requests.last?.headers["range"]?.hasPrefix("bytes=") == true)
        #expect(result.requests.last?.headers["if-range"] != nil)
    }

    @Test("A resumption that is answered with the whole blob throws the known part away")
    func skipsWhatItHas() async throws {
        let result = try await download { registry in
            registry.script(RequestMatch("GET", .blobs), .close(afterBytes: 2_000_000))
            registry.script(RequestMatch("GET", .blobs), .ignoreRange)
        }
        #expect(result.isRight)
    }

    @Test("Progress of a mebibyte starts the tries anew: more breaks than tries are survived")
    func countsTriesWithoutProgress() async throws {
        // The HTTP library may drop a megabyte of what has come when the connection breaks.
        let source = ByteSource.random(seed: 7, count: 8 << 20)
        let result = try await download(source, retry: RetryPolicy(attempts: 2)) { registry in
            registry.script(RequestMatch("GET", .blobs, times: 2), .close(afterBytes: 3_000_000))
        }
        #expect(result.isRight)
        #expect(result.requests.count == 3)
    }

    @Test("Without progress the tries are used up")
    func givesUp() async throws {
        try await ScriptedRegistry.with { registry in
            let descriptor = Self.source.descriptor
            registry.store.putBlob(.bytes(Self.source), descriptor.digest, in: "library/app")
            registry.script(RequestMatch("GET", .blobs, times: nil), .close(afterBytes: 10))
            let clock = TestClock()
            await #expect {
                try await withClient(clock: clock) { _ = try await $0.pull(registry).bytes(of: descriptor) }
            } throws: { error in
                "\(error)".contains("broke off") && (error as? RegistryError)?.kind == .connection(.reset)
            }
            #expect(registry.requests.count == 3)
            #expect(clock.sleeps.count == 2)
        }
    }

    @Test("A body that stands still is cut and resumed where it stopped")
    func cutsStalls() async throws {
        let valve = Valve(bytes: 1000)
        let received = Watched(0)
        let asked = Watched<[(range: String?, received: Int)]>([])
        try await ScriptedRegistry.with { registry in
            let descriptor = Self.source.descriptor
            registry.store.putBlob(.bytes(Self.source), descriptor.digest, in: "library/app")
            let look = RequestMatch("GET", .blobs, times: nil) { request in
                asked.update { $0.append((request.headers["range"], received.value)) }
                return false
            }
            registry.script(look, .status(500))
            registry.script(RequestMatch("GET", .blobs), .trickle(valve))
            // On a busy machine a healthy answer may take longer than the short timeout: then it is cut and resumed as
            // well, before its head has come at times, so that another request than the first is the one that stalls.
            try await withClient(retry: RetryPolicy(attempts: 50, timeout: .seconds(2))) { client in
                try await client.pull(registry).readBlob(descriptor, from: 0) { piece in
                    received.update { $0 += piece.readableBytes }
                }
            }
            valve.open()
            #expect(received.value == Self.source.count)
            #expect(asked.value.count >= 2)
            for (range, received) in asked.value { #expect(range == (received == 0 ? nil : "bytes=\(received)-")) }
            #expect(registry.requests.map(\.bytesSent).contains(1000))
        }
    }

    @Test("A body that trickles is left alone, however long it takes in all")
    func allowsTrickles() async throws {
        let source = ByteSource.random(seed: 8, count: 40)
        let valve = Valve()
        let clock = ManualClock()
        try await ScriptedRegistry.with { registry in
            registry.store.putBlob(.bytes(source), source.descriptor.digest, in: "library/app")
            registry.script(RequestMatch("GET", .blobs), .trickle(valve))
            try await withClient(timeoutClock: clock) { client in
                async let bytes = client.pull(registry).bytes(of: source.descriptor)
                for count in 1...40 {
                    try await valve.waitForStalls(count)
                    // The head has come, for which a limit holds: on a loaded machine the bytes are sent before it is read.
                    if count > 1 { try await clock.waitForNoSleeper() }
                    // 40 times 7 s: longer than a request may take, shorter than the floor's window.
                    clock.advance(by: count == 1 ? .zero : .seconds(7))
                    valve.release(bytes: 1)
                }
                let isRight = try await bytes == source.buffer
                #expect(isRight)
            }
            #expect(clock.now.offset > .seconds(240))
            #expect(registry.requests.count == 1)
        }
    }

    @Test("A range that the registry refuses is not asked for again: the known part is received anew, and dropped")
    func survivesRefusedRanges() async throws {
        let result = try await download { registry in
            registry.script(RequestMatch("GET", .blobs), .close(afterBytes: 2_000_000))
            let refusal = Reply(416, headers: ["Content-Range": "bytes */100"])
            registry.script(
                RequestMatch("GET", .blobs, times: nil, where: { $0.headers["range"] != nil }),
                .reply(refusal)
            )
        }
        #expect(result.isRight)
        #expect(result.requests.map { $0.headers["range"] != nil } == [false, true, false])
    }

    @Test(
        "An answer of another size, encoded or not, is refused before its body",
        arguments: [
            Action.contentLength(100), .all([.contentLength(100), .header("Content-Encoding", "gzip")]), .html,
        ]
    )
    func refusesOtherBytes(fault: Action) async throws {
        await #expect {
            _ = try await download { $0.script(RequestMatch("GET", .blobs, times: nil), fault) }
        } throws: { error in
            (error as? RegistryError)?.kind == .protocolViolation
        }
    }

    @Test("A missing blob is tried once more, because registries lag behind themselves")
    func retriesMissing() async throws {
        let result = try await download { $0.script(RequestMatch("GET", .blobs), .error(404, "BLOB_UNKNOWN")) }
        #expect(result.isRight)
    }

    @Test("What the receiver throws is thrown as it is, and ends the download")
    func passesReceiverErrors() async throws {
        try await ScriptedRegistry.with { registry in
            let descriptor = Self.source.descriptor
            registry.store.putBlob(.bytes(Self.source), descriptor.digest, in: "library/app")
            try await withClient { client in
                await #expect(throws: SampleReader.Broken()) {
                    try await client.pull(registry).readBlob(descriptor, from: 0) { _ in throw SampleReader.Broken() }
                }
            }
            #expect(registry.requests.count == 1)
        }
    }
}
