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
        let index = try ReferrerIndex.changing(present, adding: [referrer])
        #expect(index?.references.map(\.digest) == [artifact.digest])
        #expect(try ReferrerIndex.changing(index, adding: [referrer]) == nil)
    }

    @Test("What is gone leaves the list, and what else stands in it stays as it is")
    func removal() throws {
        let image = SampleImage.image()
        let artifacts = (0..<3).map { SampleImage.artifact(of: image.top, content: "\($0)") }
        let manifests = try artifacts.map { try Manifest(bytes: $0.topBytes, contentType: nil) }
        let index = try #require(try ReferrerIndex.changing(nil, adding: Array(manifests[..<2])))
        let changed = try ReferrerIndex.changing(index, adding: [manifests[2]], removing: [artifacts[0].digest])
        #expect(changed?.references.map(\.digest) == [artifacts[1].digest, artifacts[2].digest])
        let emptied = try ReferrerIndex.changing(index, adding: [], removing: Set(artifacts.map(\.digest)))
        #expect(emptied?.references == [])
        let unchanged = try ReferrerIndex.changing(index, adding: [], removing: [artifacts[2].digest])
        #expect(unchanged == nil)
    }
}
