import NIOCore
import OCI
import TestSupport
import Testing

@testable import Sync

/// How much is read of images that have more than any image needs.
@Suite(.timeLimit(.minutes(10)))
struct ImageBoundsTests: ReferrerMirroring {
    private let image = SampleImage.multiPlatform()

    /// An index that says of each of its entries that it is as large as a manifest may be.
    private static func index(of type: MediaType, count: Int) -> ByteBuffer {
        let entries = (0..<count).map { number in
            let digest = Digest.of(ByteBuffer(string: "\(number)"))
            return #"{"mediaType":"\#(type)","digest":"\#(digest)","size":\#(Manifest.maximumSize)}"#
        }
        return ByteBuffer(
            string: #"{"schemaVersion":2,"mediaType":"\#(MediaType.ociIndex)","manifests":\#(JSONText.array(entries))}"#
        )
    }

    @Test("None of an image's manifests is asked for where they have more bytes than may be held")
    func manifests() async throws {
        try await between(interfaceAt: false, false) { source, target async throws in
            source.store.put(Self.index(of: .ociManifest, count: 17), as: .ociIndex, in: repository, tag: "v1")
            try await MirrorRun.with { mirror async throws in
                let rows = try await mirror.run(entry(source, target)).rows
                #expect(rows.map(\.status) == [.failed])
                #expect(rows[0].reason?.contains("the image's manifests have more than") == true, "\(rows)")
                #expect(source.count(pathContains: "/manifests/sha256:") == 0, "\(source.transcript)")
            }
        }
    }

    @Test("Indexes within an index count by their bytes, also those that list nothing", arguments: [16, 17])
    func indexes(count: Int) async throws {
        let document = try Manifest(bytes: Self.index(of: .ociIndex, count: count), contentType: nil)
        guard case .index(let index) = document.content else { throw DocumentError(.structure, "no index") }
        let empty = try Manifest(bytes: SampleImage.index(of: []).topBytes, contentType: nil)
        var flattening = IndexFlattening(platforms: [])
        var reads = 0
        let read = { (_: Descriptor) -> Manifest? in
            reads += 1
            return empty
        }
        if count == 16 {
            _ = try await flattening.flatten(document, index, reading: read)
            #expect(flattening.documents.count == 16)
        } else {
            let error = await #expect(throws: DocumentError.self) {
                try await flattening.flatten(document, index, reading: read)
            }
            #expect(error?.kind == .tooLarge)
        }
        #expect(reads == 16)
    }

    @Test("Of what refers to an image no more is read than may refer to it, on however many manifests it is shared out")
    func referrers() async throws {
        try await between(interfaceAt: true, true) { source, target async throws in
            source.load(image, repository: repository, tag: "v1")
            for subject in image.manifests {
                for number in 0..<600 {
                    source.load(.artifact(of: subject.descriptor, content: "\(number)"), repository: repository)
                }
            }
            try await MirrorRun.with { mirror async throws in
                let rows = try await mirror.run(entry(source, target)).rows
                #expect(rows.map(\.status) == [.failed])
                #expect(rows[0].reason?.contains("more than 1000 signatures") == true, "\(rows)")
                let reads = source.count("GET", pathContains: "/manifests/")
                #expect(reads < 1050, "\(reads) manifests were read")
            }
        }
    }

    @Test("What refers to an image counts by its bytes too")
    func bytesOfReferrers() async throws {
        try await between(interfaceAt: true, true) { source, target async throws in
            source.load(image, repository: repository, tag: "v1")
            let text = String(repeating: "a", count: Manifest.maximumSize - 2000)
            for number in 0..<20 {
                let referrer = SampleImage.artifact(of: image.top, annotations: ["text": text, "number": "\(number)"])
                source.load(referrer, repository: repository)
                #expect(referrer.top.size <= Int64(Manifest.maximumSize))
            }
            let list = Action.edit { reply in
                reply.body = ByteSource(ByteBuffer(string: String(buffer: reply.body.buffer).replacing(text, with: "")))
                reply.headers["Content-Length"] = nil
            }
            source.script(RequestMatch("GET", .containing("/referrers/\(image.digest)"), times: nil), list)
            try await MirrorRun.with { mirror async throws in
                let rows = try await mirror.run(entry(source, target)).rows
                #expect(rows.map(\.status) == [.failed])
                #expect(rows[0].reason?.contains("and the like have more than") == true, "\(rows)")
            }
        }
    }
}
