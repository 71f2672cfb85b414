import NIOCore
import OCI
import TestSupport
import Testing

@testable import Registry

/// Documents that come compressed although nobody asked for it.
@Suite(.timeLimit(.minutes(10)))
struct ContentDecodingTests {
    private static let image = SampleImage.image()

    /// RFC 1952, with the bytes as they are in one block.
    private static func gzip(_ bytes: ByteBuffer) -> ByteBuffer {
        var text = ByteBuffer(bytes: [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 1])
        let length = UInt16(bytes.readableBytes)
        text.writeInteger(length, endianness: .little)
        text.writeInteger(~length, endianness: .little)
        text.writeImmutableBuffer(bytes)
        var sum = UInt32.max
        for byte in bytes.readableBytesView {
            sum ^= UInt32(byte)
            for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0xEDB8_8320 : sum >> 1 }
        }
        text.writeInteger(~sum, endianness: .little)
        text.writeInteger(UInt32(length), endianness: .little)
        return text
    }

    private static func compressed(as coding: String) -> Action {
        .edit { reply in
            reply.body = ByteSource(gzip(reply.body.read(at: 0, count: reply.body.count)))
            reply.headers["Content-Encoding"] = coding
            reply.headers["Content-Length"] = "\(reply.body.count)"
        }
    }

    @Test(
        "Lists, manifests, referrers and refusals that a proxy compresses are read as they were",
        arguments: ["gzip", "x-gzip", "GZIP"]
    )
    func documents(coding: String) async throws {
        try await ScriptedRegistry.with { registry in
            let image = Self.image
            registry.options.referrersAPI = true
            registry.load(image, repository: "library/app", tag: "v1")
            registry.load(.artifact(of: image.top), repository: "library/app")
            for method in ["GET", "HEAD"] {
                for path in [RequestMatch.Path.tags, .manifests, "/referrers/"] {
                    registry.script(RequestMatch(method, path, times: nil), Self.compressed(as: coding))
                }
            }
            try await withClient(retry: RetryPolicy(attempts: 1)) { client async throws in
                let repository = client.pull(registry)
                #expect(try await repository.tags() == ["v1"])
                #expect(try await repository.resolve(.tag("v1")) == image.top)
                #expect(try await repository.manifest(.tag("v1"))?.descriptor == image.top)
                #expect(try await repository.manifest(.tag("v2")) == nil)
                guard case .known(let listed?) = try await repository.referrers(of: image.digest) else {
                    return #expect(Bool(false), "no list")
                }
                #expect(listed.count == 1)
            }
        }
    }

    @Test("Of a blob that is compressed on its way it is believed that it is there, and no length")
    func blobs() async throws {
        try await ScriptedRegistry.with { registry in
            registry.load(Self.image, repository: "library/app", tag: "v1")
            registry.script(RequestMatch("HEAD", .blobs, times: nil), Self.compressed(as: "gzip"))
            let whole = Action.all([.ignoreRange, Self.compressed(as: "gzip")])
            registry.script(RequestMatch("GET", .blobs, times: nil), whole)
            let blob = Self.image.blobs[0].descriptor
            try await withClient(retry: RetryPolicy(attempts: 1)) { client async throws in
                #expect(try await client.pull(registry).contains(blob))
                await #expect(throws: RegistryError.self) {
                    try await client.pull(registry).blobSize(blob.digest, named: nil)
                }
            }
        }
    }

    @Test("What is no gzip, cut or longer than it may be is not taken for a document")
    func bounds() throws {
        let bytes = ByteBuffer(repeating: 0x61, count: 1000)
        let text = Self.gzip(bytes)
        #expect(try #require(ContentDecoding.gunzipped(text, limit: 1000)) == (bytes, false))
        let cut = try #require(ContentDecoding.gunzipped(text, limit: 999))
        #expect(cut.isCut && cut.bytes.readableBytes == 999)
        #expect(ContentDecoding.gunzipped(bytes, limit: 1000) == nil)
        for count in 0..<text.readableBytes {
            let part = try #require(text.getSlice(at: 0, length: count))
            #expect(ContentDecoding.gunzipped(part, limit: 1000) == nil, "\(count)")
        }
        var longer = text
        longer.writeString("x")
        #expect(ContentDecoding.gunzipped(longer, limit: 1000) == nil)
    }
}
