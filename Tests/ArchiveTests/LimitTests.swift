import NIOCore
import OCI
import TestSupport
import Testing

@testable import Archive

/// What is written can be read: both directions of a format have one limit.
@Suite(.timeLimit(.minutes(10)))
struct LimitTests {
    private static func digest(_ number: Int) -> Digest { .of(ByteBuffer(string: "\(number)")) }

    @Test("A receipt of exactly the limit is written and read; of a byte more it is neither")
    func receipt() throws {
        let receipt = try Receipt(
            blobs: (0..<500).map { .init(digest: Self.digest($0), size: Int64($0)) },
            images: [.init(reference: ImageReference("example.com/a:1"), digest: Self.digest(0))]
        )
        let size = receipt.encoded.readableBytes
        try receipt.check(limit: size)
        let text = receipt.encoded
        #expect(try Receipt(decoding: text, limit: size) == receipt)
        for body in [{ try receipt.check(limit: size - 1) }, { _ = try Receipt(decoding: text, limit: size - 1) }] {
            let error = #expect(throws: DocumentError.self) { try body() }
            #expect(error?.kind == .tooLarge)
        }
        #expect(Receipt.maximumSize == 256 << 20)
    }

    @Test("An index.json of exactly the limit is written and read; of a byte more it is neither")
    func index() throws {
        let images = try (0..<500).map { number in
            let descriptor = try #require(Descriptor(mediaType: .ociManifest, digest: Self.digest(number), size: 1))
            return ArchiveDocument.Image(
                reference: try ImageReference("example.com/a:\(number)"),
                descriptor: descriptor
            )
        }
        let index = ArchiveIndex(images: ImageList(images))
        let size = index.byteCount
        let text = try index.checked(limit: size).encoded
        let reader = ImportedIndex(limit: size)
        reader.take(text)
        let read = try reader.offered().names
        #expect(read.indices.map { read.descriptor(at: $0) } == images.map(\.descriptor))
        #expect(Array(read.texts) == images.map { "\($0.reference)" })
        let unwritten = #expect(throws: DocumentError.self) { _ = try index.checked(limit: size - 1) }
        #expect(unwritten?.kind == .tooLarge)
        let limited = ImportedIndex(limit: size - 1)
        limited.take(text)
        #expect(throws: ArchiveRefusal.self) { _ = try limited.offered() }
        #expect(ArchiveIndex.maximumSize == 64 << 20)
    }
}
