import NIOCore
import OCI
import Testing

/// Random changes to good texts: nothing may crash, and what is accepted must mean the same when read again.
@Suite(.timeLimit(.minutes(10)))
struct MutationTests {
    /// SplitMix64, so that a failure can be repeated.
    private struct Generator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
    }

    private static let tokens: [[UInt8]] =
        [
            "\"", "{", "}", "[", "]", ",", ":", "\\", "\\u0000", "\\ud83d", "null", "-1", "1e9", "true", "@", "/", ".",
            "-",
            "__", "sha256:", "sha512:", "é", "\u{301}", "\u{202e}", "\"layers\":[]", "\"manifests\":[],", " ", "\n",
            "\0",
        ].map { Array($0.utf8) } + [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80]]

    private static func mutate(_ text: [UInt8], _ generator: inout Generator) -> [UInt8] {
        var bytes = text
        for _ in 0..<Int.random(in: 1...3, using: &generator) {
            let start = Int.random(in: 0...bytes.count, using: &generator)
            let end = min(bytes.count, start + Int.random(in: 0...8, using: &generator))
            switch Int.random(in: 0..<4, using: &generator) {
            case 0: bytes.removeSubrange(start..<end)
            case 1: bytes.insert(contentsOf: tokens.randomElement(using: &generator) ?? [], at: start)
            case 2: bytes.insert(contentsOf: bytes[start..<end], at: Int.random(in: 0...bytes.count, using: &generator))
            default: if start < bytes.count { bytes[start] = UInt8.random(in: 0...255, using: &generator) }
            }
        }
        return bytes
    }

    @Test("Changed manifests are refused or mean the same when read again", arguments: [UInt64(1), 2, 3])
    func manifests(seed: UInt64) throws {
        var generator = Generator(state: seed)
        let texts = [
            Fixture.ociImage, Fixture.dockerImage, Fixture.dockerList, Fixture.ociIndex, Fixture.schema1,
            Fixture.image(), Fixture.index(),
        ].map { Array($0.utf8) }
        let patterns = try ["linux/amd64", "linux/arm64", "linux/arm"].map { try PlatformPattern($0) }
        var accepted = 0
        for round in 0..<700 {
            let bytes = ByteBuffer(bytes: Self.mutate(texts[round % texts.count], &generator))
            guard let manifest = try? Manifest(bytes: bytes, contentType: nil) else { continue }
            accepted += 1
            let again = try Manifest(
                bytes: manifest.bytes,
                contentType: manifest.descriptor.mediaType,
                expected: manifest.descriptor
            )
            #expect(again.bytes == bytes && again.references == manifest.references)
            guard case .reduced(let reduced) = try? manifest.selecting(patterns)?.selection else { continue }
            #expect(reduced.descriptor == Descriptor(mediaType: manifest.descriptor.mediaType, bytes: reduced.bytes))
            #expect(Set(reduced.references).isSubset(of: manifest.references))
        }
        #expect(accepted > 20)
    }

    @Test("Changed names are refused or read again as the same", arguments: [UInt64(1), 2, 3])
    func names(seed: UInt64) throws {
        var generator = Generator(state: seed)
        let texts = [
            "alpine:3", "localhost:5000/a/b__c:y@\(Fixture.sha256)", "registry.example.com:443/x-y/z.w:v1.2",
            "[::1]:5000/x", Fixture.sha256, Fixture.sha512, "linux/arm/v7", "application/vnd.oci.image.index.v1+json",
        ].map { Array($0.utf8) }
        var accepted = 0
        for round in 0..<8000 {
            let text = String(decoding: Self.mutate(texts[round % texts.count], &generator), as: UTF8.self)
            accepted += try Self.checkRoundTrips(text)
        }
        #expect(accepted > 500)
    }

    /// Reads the text as everything it may be, and what came of it once more; counts what it was.
    private static func checkRoundTrips(_ text: String) throws -> Int {
        var accepted = 0
        func check<Value: Hashable & CustomStringConvertible>(_ parse: (String) throws -> Value) throws {
            guard let value = try? parse(text) else { return }
            accepted += 1
            #expect(value.description.utf8.allSatisfy { (0x21..<0x7F).contains($0) })
            let again = try? parse(value.description)
            #expect(again == value, "\(text.displaySafe)")
        }
        try check { try Digest($0) }
        try check { try TagName($0) }
        try check { try RepositoryName($0) }
        try check { try RegistryHost($0) }
        try check { try ImageReference($0) }
        try check { try RepositoryReference($0) }
        try check { try MediaType($0) }
        try check { try PlatformPattern($0) }
        return accepted
    }
}
