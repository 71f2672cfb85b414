import NIOCore
import OCI
import TestSupport
import Testing

@testable import Sync

@Suite(.timeLimit(.minutes(10)))
struct ReferrerIndexTests {
    @Test("A list of referrers that holds null instead of an empty list can be added to")
    func null() throws {
        let artifact = SampleImage.artifact(of: SampleImage.image().top)
        let referrer = try Manifest(bytes: artifact.topBytes, contentType: nil)
        let text = #"{"schemaVersion":2,"manifests":null,"mediaType":"\#(MediaType.ociIndex)"}"#
        let present = try Manifest(bytes: ByteBuffer(string: text), contentType: nil)
        let index = try ReferrerIndex.adding([referrer], to: present)
        #expect(index?.references.map(\.digest) == [artifact.digest])
        #expect(try ReferrerIndex.adding([referrer], to: index) == nil)
    }
}
