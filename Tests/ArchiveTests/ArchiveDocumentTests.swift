import Archive
import Cache
import NIOCore
import OCI
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct ArchiveDocumentTests {
    static func descriptor(_ text: String, type: MediaType = .ociManifest) -> Descriptor {
        Descriptor(mediaType: type, bytes: ByteBuffer(string: text))
    }

    static func blob(_ text: String) -> ArchiveDocument.Blob {
        let descriptor = descriptor(text)
        return ArchiveDocument.Blob(digest: descriptor.digest, size: descriptor.size)
    }

    static func full() throws -> ArchiveDocument {
        try ArchiveDocument(
            images: [
                .init(reference: ImageReference("docker.io/library/b:1"), descriptor: descriptor("b")),
                .init(reference: ImageReference("docker.io/library/a:1"), descriptor: descriptor("a", type: .ociIndex)),
            ],
            referrers: [.init(repository: RepositoryReference("docker.io/library/a"), descriptor: descriptor("s"))],
            blobs: [blob("b"), blob("a"), blob("s"), blob("layer")],
            omitted: [.init(blob: blob("base"), receipt: descriptor("receipt").digest)],
            parts: [
                .init(blob: blob("0123456789"), index: 1, offset: 4, length: 6, digest: descriptor("456789").digest),
                .init(blob: blob("0123456789"), index: 0, offset: 0, length: 4, digest: descriptor("0123").digest),
            ],
            volume: .init(number: 2, count: 3, set: descriptor("set").digest)
        )
    }

    @Test("What is written is read back the same, and is the same in whatever order it was given")
    func roundTrip() throws {
        var document = try Self.full()
        try ArchiveSigningKey().sign(&document)
        let read = try ArchiveDocument(decoding: document.encoded)
        #expect(read == document)
        #expect(read.encoded == document.encoded)
        let names = read.images.map { "\($0.reference)" }
        #expect(names == ["docker.io/library/a:1", "docker.io/library/b:1"])
        #expect(read.parts.map { "\($0.name)" }.first?.hasSuffix("/00000000") == true)
        #expect(read.blobs.map(\.digest) == read.blobs.map(\.digest).sorted())
        #expect(document.encoded.readableBytes < ArchiveDocument.maximumSize)
    }

    /// Every change to a valid text that a reader must refuse: what is replaced, and by what.
    @Test(
        "A text that is not exactly of the format is refused",
        arguments: [
            (#""version":1"#, #""version":2"#), (#""version":1"#, #""version":"1""#), (#""version":1,"#, ""),
            (#""version":1"#, #""version":1,"more":1"#), (#""images":["#, #""pictures":["#),
            (#""size":4"#, #""size":-4"#), (#""size":4"#, #""size":4.0"#), (#""size":4"#, #""size":4,"x":1"#),
            (#""size":4"#, #""size":99999999999999999"#),
            ("library/a:1", "library/a"), ("docker.io/library/a:1", "a:1"), ("library/a:1", "library/b:1"),
            ("library/a:1", "../a:1"), ("sha256:", "md5:"), ("sha256:", "SHA256:"),
            ("application/vnd.oci.image.index.v1+json", "text/plain"),
            (#""number":2"#, #""number":0"#), (#""number":2"#, #""number":4"#), (#""count":3"#, #""count":100000"#),
            (#""offset":4"#, #""offset":5"#), (#""length":6"#, #""length":0"#),
            (#""offset":4"#, #""offset":9223372036854775807"#), ("/00000001", "/1"), ("parts/sha256", "blobs/sha256"),
            ("/00000001", "/00000000"),
        ]
    )
    func refused(part: String, replacement: String) throws {
        // Without its checksum, so that each is refused for its own sake.
        let document = try Self.full()
        let text = String(buffer: document.encoded)
            .replacing(",\n\"checksum\":\"\(ArchiveStatement(document).checksum)\"", with: "")
        #expect(try ArchiveDocument(decoding: ByteBuffer(string: text)) == document)
        let range = try #require(text.firstRange(of: part))
        let changed = text.replacingSubrange(range, with: replacement)
        #expect(throws: DocumentError.self) { try ArchiveDocument(decoding: ByteBuffer(string: changed)) }
    }

    @Test("A letter of a name that was changed on the way is found out without a signature")
    func checksum() throws {
        let text = String(buffer: try Self.full().encoded)
        let changed = text.replacing("docker.io/library/b:1", with: "docker.io/library/c:1")
        let error = #expect(throws: DocumentError.self) { try ArchiveDocument(decoding: ByteBuffer(string: changed)) }
        #expect(error?.kind == .digestMismatch)
    }

    @Test("What holds as much as one text may say is written and read; one blob more is too much")
    func limit() throws {
        func document(_ count: Int) throws -> ArchiveDocument {
            var bytes = [UInt8](repeating: 0, count: 32)
            let blobs = (0..<count).compactMap { number in
                bytes.withUnsafeMutableBytes { $0.storeBytes(of: number.bigEndian, as: Int.self) }
                return Digest(algorithm: .sha256, bytes: bytes).map { ArchiveDocument.Blob(digest: $0, size: 1) }
            }
            return try ArchiveDocument(images: [], blobs: blobs)
        }
        let frame = try document(0).encoded.readableBytes + 1
        let line = try document(2).encoded.readableBytes - document(1).encoded.readableBytes
        let most = (ArchiveDocument.maximumSize - frame + 1) / line
        #expect(most > 600_000)
        let largest = try document(most)
        #expect(try ArchiveDocument(decoding: largest.encoded) == largest)
        let error = #expect(throws: DocumentError.self) {
            try ArchiveDocument(decoding: document(most + 1).encoded)
        }
        #expect(error?.kind == .tooLarge)
    }

    @Test("A text cut off anywhere is refused")
    func truncated() throws {
        let bytes = try Self.full().encoded
        for length in 0..<bytes.readableBytes - 2 {
            let part = try #require(bytes.getSlice(at: 0, length: length))
            #expect(throws: DocumentError.self) { try ArchiveDocument(decoding: part) }
        }
    }

    @Test("One digest has one size and one place")
    func conflicts() throws {
        let image = ArchiveDocument.Image(
            reference: try ImageReference("docker.io/library/a:1"),
            descriptor: Self.descriptor("a")
        )
        let blob = Self.blob("a")
        let other = ArchiveDocument.Blob(digest: blob.digest, size: 7)
        #expect(throws: DocumentError.self) { try ArchiveDocument(images: [image], blobs: [other]) }
        #expect(throws: DocumentError.self) { try ArchiveDocument(images: [image], blobs: [blob, blob]) }
        #expect(throws: DocumentError.self) { try ArchiveDocument(images: [image, image], blobs: [blob]) }
        #expect(throws: DocumentError.self) {
            try ArchiveDocument(images: [], blobs: [blob], omitted: [.init(blob: blob, receipt: blob.digest)])
        }
        let part = ArchiveDocument.Part(blob: blob, index: 0, offset: 0, length: 1, digest: blob.digest)
        #expect(throws: DocumentError.self) { try ArchiveDocument(images: [], blobs: [], parts: [part]) }
    }

    @Test("The set's name follows its content and how that is shared out, not the order")
    func set() throws {
        let document = try Self.full()
        func name(
            _ blobs: [ArchiveDocument.Blob],
            _ volumes: [(blobs: Int, parts: [ArchiveDocument.Part])] = [(1, []), (1, [])]
        ) throws -> Digest {
            try ArchiveStatement.set(
                images: document.images,
                referrers: document.referrers,
                blobs: blobs,
                omitted: document.omitted,
                volumes: volumes
            )
        }
        let blobs = Array(document.blobs)
        #expect(try name(blobs) == name(blobs.reversed()))
        #expect(try name(blobs) != name(Array(blobs.dropLast())))
        let part = { (length: Int64) in
            ArchiveDocument.Part(blob: blobs[0], index: 0, offset: 0, length: length, digest: blobs[0].digest)
        }
        let shared: [[(blobs: Int, parts: [ArchiveDocument.Part])]] = [
            [(1, []), (1, [])], [(1, []), (1, []), (0, [])], [(2, []), (0, [])], [(1, [part(1)]), (1, [])],
            [(1, [part(2)]), (1, [])], [(1, []), (1, [part(1)])],
        ]
        let names = try shared.map { try name(blobs, $0) }
        #expect(Set(names).count == names.count)
    }
}

extension String {
    func replacingSubrange(_ range: Range<Index>, with replacement: String) -> String {
        self[..<range.lowerBound] + replacement + self[range.upperBound...]
    }
}
