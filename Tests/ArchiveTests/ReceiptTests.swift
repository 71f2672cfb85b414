import Archive
import Cache
import NIOCore
import OCI
import Testing

@Suite(.timeLimit(.minutes(10)))
struct ReceiptTests {
    private static func receipt() throws -> Receipt {
        try Receipt(
            blobs: ["x", "y", "z"].map(ArchiveDocumentTests.blob),
            images: [
                .init(
                    reference: ImageReference("docker.io/library/b:1"),
                    digest: ArchiveDocumentTests.blob("y").digest
                ),
                .init(
                    reference: ImageReference("docker.io/library/a:1"),
                    digest: ArchiveDocumentTests.blob("x").digest
                ),
            ]
        )
    }

    @Test("A receipt is read back the same and named by its bytes")
    func roundTrip() throws {
        let receipt = try Self.receipt()
        let read = try Receipt(decoding: receipt.encoded)
        #expect(read == receipt)
        #expect(read.digest == Digest.of(receipt.encoded))
        #expect(read.blobs.map(\.digest) == read.blobs.map(\.digest).sorted())
        #expect(read.images.map { "\($0.reference)" } == ["docker.io/library/a:1", "docker.io/library/b:1"])
        #expect(try Receipt(decoding: Receipt(blobs: [], images: []).encoded).blobs.isEmpty)
    }

    @Test(
        "A receipt that is not exactly of the format is refused",
        arguments: [
            (#""version":1"#, #""version":2"#), (#""blobs":["#, #""blobs":{"#), (#""size":1"#, #""size":-1"#),
            (#""size":1"#, #""size":01"#), ("library/b", "library/a"), ("sha256:", "sha1:"), ("{\n", "{"),
            (#""images""#, #""Images""#),
        ]
    )
    func refused(part: String, replacement: String) throws {
        let text = String(buffer: try Self.receipt().encoded)
        let range = try #require(text.firstRange(of: part))
        let changed = text.replacingSubrange(range, with: replacement)
        #expect(throws: DocumentError.self) { try Receipt(decoding: ByteBuffer(string: changed)) }
    }
}
