import NIOCore
import OCI
import Testing

@Suite(.timeLimit(.minutes(10)))
struct HostileManifestTests {
    @Test("A hostile or ambiguous document is refused for what is wrong with it", arguments: HostileDocument.all)
    func refuses(document: HostileDocument) throws {
        let type = try document.type.map { try MediaType($0) }
        let error = #expect(throws: DocumentError.self) {
            try Manifest(bytes: ByteBuffer(string: document.text), contentType: type)
        }
        #expect(error?.kind == document.kind, "\(error?.description ?? "")")
        #expect(error?.reason.contains("\u{1b}") == false)
    }

    @Test("The corpus is as large as the threat table asks for")
    func isLarge() {
        #expect(HostileDocument.all.count >= 60)
        #expect(Set(HostileDocument.all.map(\.kind)) == [.syntax, .structure, .confusion, .tooLarge, .unsupported])
    }

    @Test("Schema 1 is refused with what to do instead, however it appears", arguments: HostileDocument.schema1)
    func explainsSchema1(document: HostileDocument) throws {
        let type = try document.type.map { try MediaType($0) }
        let error = #expect(throws: DocumentError.self) {
            try Manifest(bytes: ByteBuffer(string: document.text), contentType: type)
        }
        #expect(error?.description.hasPrefix("Docker image manifest schema 1 is not mirrored: ") == true)
        #expect(error?.description.contains("push the image again with a current tool") == true)
    }

    @Test("A schema 1 document is refused as such when a descriptor announces it")
    func refusesExpectedSchema1() throws {
        let bytes = ByteBuffer(string: Fixture.schema1)
        let expected = Descriptor(mediaType: .dockerSchema1Signed, bytes: bytes)
        let error = #expect(throws: DocumentError.self) {
            try Manifest(bytes: bytes, contentType: nil, expected: expected)
        }
        #expect(error?.kind == .unsupported)
    }

    @Test("A document that is not what its parent says is refused")
    func checksExpectation() throws {
        let bytes = ByteBuffer(string: Fixture.ociImage)
        let right = Descriptor(mediaType: .ociManifest, bytes: bytes)
        let shorter = try #require(Descriptor(mediaType: .ociManifest, digest: right.digest, size: right.size - 1))
        let longer = try #require(Descriptor(mediaType: .ociManifest, digest: right.digest, size: right.size + 1))
        let table: [(Descriptor, DocumentError.Kind)] = [
            (Descriptor(mediaType: .ociManifest, bytes: ByteBuffer(string: "{}")), .digestMismatch),
            (Descriptor(mediaType: .ociManifest, bytes: ByteBuffer(string: "{}"), algorithm: .sha512), .digestMismatch),
            (shorter, .confusion), (longer, .confusion),
            (Descriptor(mediaType: .ociIndex, bytes: bytes), .confusion),
            (Descriptor(mediaType: .dockerList, bytes: bytes), .confusion),
            (Descriptor(mediaType: .ociConfig, bytes: bytes), .confusion),
        ]
        for (expected, kind) in table {
            let error = #expect(throws: DocumentError.self) {
                try Manifest(bytes: bytes, contentType: nil, expected: expected)
            }
            #expect(error?.kind == kind)
        }
        #expect(throws: Never.self) { try Manifest(bytes: bytes, contentType: .ociManifest, expected: right) }
    }

    @Test("An index without its own type is refused where an image was expected")
    func checksShapeAgainstExpectation() throws {
        let bytes = ByteBuffer(string: Fixture.index())
        let expected = Descriptor(mediaType: .ociManifest, bytes: bytes)
        let error = #expect(throws: DocumentError.self) {
            try Manifest(bytes: bytes, contentType: nil, expected: expected)
        }
        #expect(error?.kind == .confusion)
    }

    @Test("Text that is not UTF-8 is refused anywhere in a document")
    func refusesInvalidUTF8() {
        let marked = Array(Fixture.image(more: #","annotations":{"k":"~"}"#).utf8)
        for bad in [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xE9]] as [[UInt8]] {
            let bytes = marked.flatMap { $0 == UInt8(ascii: "~") ? bad : [$0] }
            let error = #expect(throws: DocumentError.self) {
                try Manifest(bytes: ByteBuffer(bytes: bytes), contentType: nil)
            }
            #expect(error?.kind == .syntax)
        }
    }

    @Test("Any truncation of a document is refused")
    func refusesTruncation() {
        let text = Fixture.image().utf8
        for count in 0..<text.count {
            #expect(throws: DocumentError.self) {
                try Manifest(bytes: ByteBuffer(bytes: text.prefix(count)), contentType: nil)
            }
        }
    }

    @Test("A message shows no control characters of the document")
    func escapesMessages() {
        for text in [
            Fixture.image(more: #","mediaType":"\u001b[2J""#), Fixture.image(more: #","annotations":{"\u001b":1}"#),
            Fixture.image(config: Fixture.descriptor("a/b", #"sha256:\u001b\u202e"#)),
        ] {
            let error = #expect(throws: DocumentError.self) { try Fixture.parse(text) }
            #expect(error?.description.contains(#"\u{1b}"#) == true)
            #expect(error?.description.contains("\u{1b}") == false)
        }
    }

    @Test("A digest of megabytes that looks like an address is refused, and little of it is shown")
    func longDigest() {
        let digest = "//" + String(repeating: "a:", count: 3 << 19) + "@sha256:"
        let error = #expect(throws: DocumentError.self) {
            try Fixture.parse(Fixture.image(config: Fixture.descriptor("a/b", digest)))
        }
        #expect(error?.kind == .structure)
        #expect(error?.reason.contains("invalid digest '//a:a:") == true)
        #expect(error.map { $0.reason.utf8.count < 1000 } == true)
    }
}
