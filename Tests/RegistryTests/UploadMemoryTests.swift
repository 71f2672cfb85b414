import NIOCore
import OCI
import Registry
import TestSupport
import Testing

/// What one blob's upload shows of how a host takes blobs, and what it costs.
@Suite(.timeLimit(.minutes(10)))
struct UploadMemoryTests {
    private static func source(_ seed: UInt64) -> ByteSource { .random(seed: seed, count: 3 << 20) }

    /// Uploads blobs one after the other, and gives the methods and statuses of the requests.
    private func upload(
        _ blobs: [ByteSource],
        _ script: (ScriptedRegistry) -> Void
    ) async throws
        -> [String]
    {
        try await ScriptedRegistry.with { registry in
            script(registry)
            try await withClient { client in
                for blob in blobs { _ = try await client.push(registry).store(SampleReader(blob)) }
            }
            for blob in blobs {
                #expect(registry.store.blob(blob.descriptor.digest, in: "library/app")?.count == blob.count)
            }
            #expect(registry.store.openUploads == 0)
            return registry.requests.map { "\($0.method) \($0.status ?? 0)" }
        }
    }

    /// A PUT that brings bytes.
    private static let whole = RequestMatch("PUT", .uploads, times: nil) {
        $0.headers["content-length"].flatMap { Int($0) } ?? 0 > 0
    }

    @Test(
        "A registry that takes no bytes with the request that ends an upload gets them before, in whatever words it says so",
        arguments: [
            .error(500, "UNKNOWN"), .status(500, body: "Server Error"),
            .error(400, "BLOB_UPLOAD_INVALID"),
            .error(400, "SIZE_INVALID"), .status(422, body: "{}"),
        ] as [Action]
    )
    func missesWhole(refusal: Action) async throws {
        let requests = try await upload([Self.source(1), Self.source(2)]) { registry in
            registry.script(Self.whole, refusal)
        }
        #expect(requests.count { $0.hasPrefix("PATCH") } == 2)
        #expect(requests.suffix(3) == ["POST 202", "PATCH 202", "PUT 201"])
    }

    @Test(
        "A registry that refuses a blob for good is sent it once more in that way",
        arguments: [400, 409, 422, 500]
    )
    func refusesAll(status: Int) async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch("PUT", .uploads, times: nil), .error(status, "DENIED"))
            await #expect {
                try await withClient { _ = try await $0.push(registry).store(SampleReader(Self.source(1))) }
            } throws: { ($0 as? RegistryError)?.status == status }
            #expect(registry.count("PATCH") == 1)
            #expect(registry.store.openUploads == 0)
        }
    }

    @Test("What is too large for a host is not sent it again with the next blob")
    func limit() async throws {
        let requests = try await upload([Self.source(1), Self.source(2)]) { registry in
            registry.script(RequestMatch("PUT", .uploads, times: nil), .largestRequest(bytes: 2 << 20))
        }
        let chunks = ["POST 202", "PATCH 202", "PATCH 202", "PATCH 202", "PUT 201"]
        #expect(requests == ["POST 202", "PUT 413", "DELETE 204"] + chunks + chunks)
    }

    @Test("Of a request that is refused before its body is read that counts which has been sent")
    func countsWhatIsSent() async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch("PUT", .uploads), .replyEarly(.error(413, "SIZE_INVALID")))
            let blob = HeldReader(source: Self.source(1)) { offset in
                guard offset >= 1 << 20, registry.count("PATCH") == 0 else { return }
                // Nothing comes until nobody waits for it.
                for await _ in AsyncStream<Never>.makeStream().stream {}
                try Task.checkCancellation()
            }
            let outcome = try await withClient { try await $0.push(registry).store(blob) }
            guard case .stored(let sent) = outcome else { throw SampleReader.Broken() }
            #expect(((3 << 20)...(4 << 20)).contains(sent))
            #expect(registry.store.blob(blob.descriptor.digest, in: "library/app") != nil)
        }
    }

    private struct HeldReader: BlobReader {
        let source: ByteSource
        let wait: @Sendable (Int64) async throws -> Void
        var descriptor: Descriptor { source.descriptor }

        func read(at offset: Int64, atMost count: Int) async throws -> ByteBuffer {
            try await wait(offset)
            return source.read(at: Int(offset), count: count)
        }
    }
}
