import NIOCore
import OCI
import Testing

@Suite(.timeLimit(.minutes(10)))
struct DigestTests {
    private static let emptySHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    private static let zeros = String(repeating: "0", count: 64)

    @Test(
        "A digest of a registered algorithm parses and is written as it was",
        arguments: [
            "sha256:\(emptySHA256)", "sha256:\(zeros)", "sha512:\(zeros)\(zeros)",
            "sha512:\(String(repeating: "0123456789abcdef", count: 8))",
        ]
    )
    func accepts(text: String) throws {
        let digest = try Digest(text)
        #expect(digest.description == text)
        #expect(digest.hex.utf8.count == digest.algorithm.byteCount * 2)
        #expect(try Digest(digest.description) == digest)
        #expect(Digest(algorithm: digest.algorithm, bytes: digest.bytes) == digest)
        #expect(digest.short == String(text.dropFirst(7).prefix(12)))
    }

    @Test(
        "Anything else is no digest",
        arguments: [
            "", ":", "sha256", "sha256:", ":\(zeros)", zeros, "sha256\(zeros)",
            "sha256:\(zeros.dropLast())", "sha256:\(zeros)0", "sha512:\(zeros)", "sha256:\(zeros)\(zeros)",
            "SHA256:\(zeros)", "Sha256:\(zeros)", "sha256:\(emptySHA256.uppercased())", "sha256:A\(zeros.dropLast())",
            "sha256:g\(zeros.dropLast())", "sha256:../../x", "sha256:../../../../../../etc/passwd",
            "sha256:..\(zeros.dropFirst(2))", "sha256:/\(zeros.dropFirst())", "sha256:%2f\(zeros.dropFirst(3))",
            "sha256:\0\(zeros.dropFirst())", "sha256:\(zeros.dropLast())\0", "sha256:\(zeros)\0", "sha256:\(zeros)\n",
            " sha256:\(zeros)", "sha256:\(zeros) ", "sha256: \(zeros.dropFirst())", "sha256::\(zeros.dropFirst())",
            "sha1:\(zeros.prefix(40))", "md5:\(zeros.prefix(32))", "blake3:\(zeros)", "sha384:\(zeros)",
            "sha256+b64:\(zeros)", "sha256:\(zeros)@sha256:\(zeros)",
            "sha256:\u{FF10}\(zeros.dropFirst())", "sha256:\u{FF10}\(zeros.dropFirst(3))",
            "sha256:\(zeros.dropLast())\u{301}", "sha256:\(zeros)\u{301}", "sha256:\(zeros.dropLast(2))\u{301}",
            "sha256\u{FF1A}\(zeros)", "ſha256:\(zeros)", "sha\u{FF12}56:\(zeros)", "s\u{301}ha256:\(zeros)",
            "sha256:\u{301}\(zeros.dropFirst(2))", "sha256:\u{430}\(zeros.dropFirst(2))", "\u{FEFF}sha256:\(zeros)",
        ]
    )
    func refuses(text: String) {
        let error = #expect(throws: ReferenceError.self) { try Digest(text) }
        #expect(error?.kind == .digest)
        #expect(error?.description.contains("\0") == false)
    }

    @Test("A megabyte of text is refused with a short message")
    func refusesLongText() {
        let error = #expect(throws: ReferenceError.self) {
            try Digest("sha256:" + String(repeating: "a", count: 1 << 20))
        }
        #expect((error?.description.utf8.count ?? .max) < 500)
    }

    @Test("A hash of another length than the algorithm's is refused", arguments: [0, 31, 33, 64])
    func refusesLength(count: Int) {
        #expect(Digest(algorithm: .sha256, bytes: Array(repeating: 0, count: count)) == nil)
    }

    @Test("The same bytes have a name under each algorithm")
    func hashes() {
        let empty = ByteBuffer()
        #expect(Digest.of(empty).hex == Self.emptySHA256)
        #expect(
            Digest.of(ByteBuffer(string: "abc"), algorithm: .sha512).hex.hasPrefix("ddaf35a193617abacc417349ae204131")
        )
        #expect(Digest.of(empty) != Digest.of(empty, algorithm: .sha512))
    }

    @Test("Hashing in pieces is hashing the whole", arguments: Digest.Algorithm.allCases)
    func hashesInPieces(algorithm: Digest.Algorithm) {
        let whole = ByteBuffer(bytes: (0..<1000).map { UInt8(truncatingIfNeeded: $0) })
        var hasher = DigestHasher(algorithm)
        var rest = whole
        var length = 0
        while rest.readableBytes > 0, let piece = rest.readSlice(length: min(length, rest.readableBytes)) {
            hasher.update(piece)
            _ = hasher.finalize()
            length += 1
        }
        #expect(hasher.finalize() == Digest.of(whole, algorithm: algorithm))
    }

    @Test("Only the readable bytes of a buffer are hashed")
    func hashesReadableBytes() {
        var buffer = ByteBuffer(string: "xxabc")
        buffer.moveReaderIndex(forwardBy: 2)
        #expect(Digest.of(buffer) == Digest.of(ByteBuffer(string: "abc")))
        #expect(buffer.readableBytes == 3)
    }

    @Test("Digests are ordered as their texts are")
    func orders() throws {
        let texts = [
            "sha256:\(Self.zeros)", "sha256:\(Self.zeros.dropLast())1", "sha256:\(Self.emptySHA256)",
            "sha256:f\(Self.zeros.dropLast())", "sha512:\(Self.zeros)\(Self.zeros)",
        ]
        let digests = try texts.map { try Digest($0) }
        #expect(digests.reversed().sorted() == digests)
    }
}
