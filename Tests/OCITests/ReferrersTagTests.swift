import NIOCore
import OCI
import Testing

@Suite(.timeLimit(.minutes(10)))
struct ReferrersTagTests {
    @Test("The tag has at most 64 digits of the hash, and is known as one again", arguments: Digest.Algorithm.allCases)
    func tag(algorithm: Digest.Algorithm) throws {
        let digest = Digest.of(ByteBuffer(string: "subject"), algorithm: algorithm)
        let tag = try digest.referrersTag
        #expect(tag.description == "\(algorithm)-\(digest.hex.prefix(64))")
        #expect(tag.isReferrerTag)
        #expect(try TagName("\(tag).sig").isReferrerTag)
        #expect(try TagName("\(tag).sig").subjectOfReferrerTag == (digest.hex.count == 64 ? digest : nil))
        #expect(tag.subjectOfReferrerTag == nil)
        #expect(try !TagName("\(tag)0").isReferrerTag)
        #expect(try !TagName("\(tag.description.dropLast())").isReferrerTag)
        #expect(try !TagName("\(tag.description.dropLast())F").isReferrerTag)
    }
}
