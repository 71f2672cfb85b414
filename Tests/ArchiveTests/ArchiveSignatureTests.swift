import Archive
import Cache
import NIOCore
import OCI
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct ArchiveSignatureTests {
    @Test("A signature holds for the document that was signed and for no other, and for one key only")
    func verifies() throws {
        let key = ArchiveSigningKey()
        var document = try ArchiveDocumentTests.full()
        #expect(!key.verificationKey.verifies(document))
        try key.sign(&document)
        #expect(key.verificationKey.verifies(document))
        #expect(!ArchiveSigningKey().verificationKey.verifies(document))
        let smaller = try ArchiveDocument(
            images: document.images,
            referrers: document.referrers,
            blobs: Array(document.blobs.dropLast()),
            omitted: document.omitted,
            parts: document.parts,
            volume: document.volume,
            signatures: document.signatures
        )
        #expect(!key.verificationKey.verifies(smaller))
    }

    @Test("The statement names every field")
    func statement() throws {
        let document = try ArchiveDocumentTests.full()
        let lines = String(decoding: ArchiveStatement(document).signed, as: UTF8.self).split(separator: "\n")
        let kinds = lines.compactMap { $0.split(separator: " ").first.map(String.init) }
        let blobs = [String](repeating: "blob", count: 4)
        #expect(kinds == ["imglife", "volume", "image", "image", "referrer"] + blobs + ["omitted", "part", "part"])
        #expect(lines[1].hasPrefix("volume 2 3 sha256:"))
    }

    @Test("A statement that is too long to be held is signed by its checksum")
    func long() throws {
        let blobs = (0..<60_000).map { number in
            ArchiveDocument.Blob(digest: Digest.of(ByteBuffer(integer: number)), size: 1)
        }
        let image = try ArchiveDocumentTests.full().images[0]
        var document = try ArchiveDocument(images: [image], blobs: blobs)
        let signed = String(decoding: ArchiveStatement(document).signed, as: UTF8.self)
        #expect(signed == "imglife archive 1 long\n\(document.checksum)\n")
        let key = ArchiveSigningKey()
        try key.sign(&document)
        #expect(key.verificationKey.verifies(try ArchiveDocument(decoding: document.encoded)))
        let other = try ArchiveDocument(images: [image], blobs: blobs.dropLast(), signatures: document.signatures)
        #expect(!key.verificationKey.verifies(other))
    }

    @Test("Keys go through PEM and back")
    func pem() throws {
        let key = ArchiveSigningKey()
        let read = try ArchiveSigningKey(pem: key.pem)
        var document = try ArchiveDocumentTests.full()
        try read.sign(&document)
        #expect(try ArchiveVerificationKey(pem: key.verificationKey.pem).verifies(document))
    }

    @Test(
        "A key of another kind is refused",
        arguments: ["", "x", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"]
    )
    func otherKey(text: String) {
        #expect(throws: DocumentError.self) { try ArchiveSigningKey(pem: text) }
        #expect(throws: DocumentError.self) { try ArchiveVerificationKey(pem: text) }
        #expect(throws: DocumentError.self) { try ArchiveVerificationKey(pem: ArchiveSigningKey().pem) }
    }

    @Test("Keys made by openssl sign, and openssl checks the signature", .requires(.tool("openssl")))
    func openssl() async throws {
        try await TemporaryDirectory.with { path in
            try await Tool.check("openssl", ["genpkey", "-algorithm", "ed25519", "-out", "\(path)/key"])
            try await Tool.check("openssl", ["pkey", "-in", "\(path)/key", "-pubout", "-out", "\(path)/pub"])
            let key = try ArchiveSigningKey(pem: Files.text("\(path)/key"))
            #expect(key.pem == (try Files.text("\(path)/key")))
            #expect(key.verificationKey.pem == (try Files.text("\(path)/pub")))
            var document = try ArchiveDocumentTests.full()
            try key.sign(&document)
            try Files.write(ByteBuffer(bytes: ArchiveStatement(document).signed), to: "\(path)/statement")
            let text = String(buffer: document.encoded)
            let base64 = try #require(text.split(separator: "\"signature\":\"").last?.split(separator: "\"").first)
            let decode = try await Tool.run("openssl", ["base64", "-d", "-A"], stdin: Array(base64.utf8))
            try Files.write(ByteBuffer(bytes: decode.stdout), to: "\(path)/signature")
            try await Tool.check(
                "openssl",
                [
                    "pkeyutl", "-verify", "-pubin", "-inkey", "\(path)/pub", "-rawin", "-in", "\(path)/statement",
                    "-sigfile", "\(path)/signature",
                ]
            )
        }
    }

    @Test(
        "A key of another algorithm is refused",
        .requires(.tool("openssl")),
        arguments: ["x25519", "rsa", "ed448"]
    )
    func otherAlgorithm(name: String) async throws {
        try await TemporaryDirectory.with { path in
            try await Tool.check("openssl", ["genpkey", "-algorithm", name, "-out", "\(path)/key"])
            let key = try Files.text("\(path)/key")
            #expect(throws: DocumentError.self) { try ArchiveSigningKey(pem: key) }
        }
    }
}
