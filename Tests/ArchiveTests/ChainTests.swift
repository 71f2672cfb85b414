import NIOCore
import OCI
import TestSupport
import Testing

@testable import Archive

/// What an archive says of hundreds of thousands of things, each of which leads to the next or is like the others.
@Suite(.timeLimit(.minutes(2)))
struct ChainTests {
    private static func descriptor(_ name: String) -> Descriptor {
        Descriptor(mediaType: .ociManifest, bytes: ByteBuffer(string: name))
    }

    /// Indexes of nothing, of which each refers to the one before.
    private static func chain(_ count: Int, above root: Descriptor) throws -> [UnlistedReferrer] {
        var subject = root
        return try (0..<count).map { _ in
            let text =
                #"{"schemaVersion":2,"mediaType":"\#(MediaType.ociIndex)","manifests":[],"subject":{"mediaType":""#
                + #"\#(subject.mediaType)","digest":"\#(subject.digest)","size":\#(subject.size)}}"#
            let bytes = ByteBuffer(string: text)
            let referrer = try #require(UnlistedReferrer(bytes, .of(bytes)))
            subject = referrer.descriptor
            return referrer
        }
    }

    @Test("A long chain of what nothing lists is followed link by link, and what belongs to nothing is left")
    func unlisted() throws {
        let root = Self.descriptor("root")
        let chain = try Self.chain(200_000, above: root)
        let others = try Self.chain(10, above: Self.descriptor("other"))
        let found = (others + chain.reversed()).belonging { $0 == root.digest }
        #expect(found.map(\.descriptor.digest) == chain.map(\.descriptor.digest))
    }

    @Test("What is taken brings along what refers to any manifest in it, and all is taken once")
    func members() {
        let digests = (0..<6).map { Self.descriptor("\($0)").digest }
        // Each with its subject; the first is taken with the fourth in it.
        let elements = [(1, 0), (2, 4), (3, 2), (3, 2), (5, 9)]
        let (taken, left) = elements.divided(
            bySubject: { digests.indices.contains($0.1) ? digests[$0.1] : nil },
            isKnown: { $0 == digests[0] },
            taking: { $0.0 == 1 ? [digests[1], digests[4]] : [digests[$0.0]] }
        )
        #expect(taken.map(\.0) == [1, 2, 3, 3] && left.map(\.0) == [5])
    }

    @Test("Signatures of signatures come along with a name, however many follow one another")
    func names() throws {
        let place = "a.example.com/x"
        var offer = ImportOffer()
        var last = Self.descriptor("0")
        offer.add([ImportName("\(place):1")], last)
        for number in 1...60_000 {
            let next = Self.descriptor("\(number)")
            offer.add([ImportName("\(place):\(try last.digest.referrersTag).sig")], next)
            last = next
        }
        offer.add([ImportName("\(place)/other:\(try last.digest.referrersTag).sig")], Self.descriptor("other"))
        let chosen = ChosenNames(of: offer, only: ["\(place):1"], as: nil) { _ in nil }
        #expect(chosen[0] == .asked)
        #expect((1...60_000).allSatisfy { chosen[$0] == .attached })
        #expect(chosen[60_001] == .left)
    }

    @Test("What has no name leads on in each repository that it is found to belong to")
    func namesAboveNameless() throws {
        let places = ["a.example.com/x", "a.example.com/y"]
        let root = Self.descriptor("root")
        let chain = try Self.chain(3, above: root)
        let manifests = Dictionary(uniqueKeysWithValues: chain.map { ($0.descriptor, $0) })
        var offer = ImportOffer()
        for place in places { offer.add([ImportName("\(place):1")], root) }
        for place in places {
            let tag = try #require(chain.last).descriptor.digest.referrersTag
            offer.add([ImportName("\(place):\(tag).sig")], Self.descriptor(place))
        }
        for referrer in chain.reversed() { offer.add(ImportRoot(descriptor: referrer.descriptor)) }
        let chosen = ChosenNames(of: offer, only: places.map { "\($0):1" }, as: nil) { descriptor in
            guard let referrer = manifests[descriptor] else { return nil }
            let text =
                #"{"schemaVersion":2,"mediaType":"\#(MediaType.ociIndex)","manifests":[],"subject":{"mediaType":""#
                + #"\#(MediaType.ociManifest)","digest":"\#(referrer.subject)","size":4}}"#
            return try Manifest(bytes: ByteBuffer(string: text), contentType: nil)
        }
        #expect((0..<2).allSatisfy { chosen[$0] == .asked } && (2..<4).allSatisfy { chosen[$0] == .attached })
    }

    @Test("Many images may have one config, and docker's list still names the first of them")
    func sharedConfig() throws {
        let image = SampleImage.artifact(of: Self.descriptor("subject"))
        let manifest = try Manifest(bytes: image.topBytes, contentType: nil)
        guard case .image(let content) = manifest.content else { throw DocumentError(.structure, "no image") }
        var offer = ImportOffer()
        for number in 0..<300_000 { offer.add([], Self.descriptor("\(number)")) }
        var merging = OfferMerging(offer, keepsUnnamed: false) { _ in manifest }
        let isTaken = merging.take(
            [ImportName("a.example.com/x:1")],
            config: content.config.digest,
            layers: content.layers.map(\.digest)
        )
        #expect(isTaken && merging.offer.names.descriptor(at: 0) == Self.descriptor("0"))
    }

    @Test("Each of many parts is found among those that the document lists")
    func parts() throws {
        let blob = ArchiveDocument.Blob(digest: Self.descriptor("blob").digest, size: 1 << 20)
        let parts = (0..<400_000).map { index in
            ArchiveDocument.Part(blob: blob, index: index, offset: Int64(index), length: 1, digest: blob.digest)
        }
        let volume = ArchiveDocument.Volume(number: 1, count: 2, set: blob.digest)
        let digest = Self.descriptor("blob").digest
        var contents = ImportContents(ImportLedger())
        contents.note(try ArchiveDocument(images: [], blobs: [], parts: parts, volume: volume))
        for part in parts {
            let member = TarMember(name: "\(part.name)", kind: .file, size: 1)
            #expect(try contents.part(digest, part.index, member) == part)
        }
        #expect(throws: ArchiveRefusal.self) {
            try contents.part(digest, parts.count, TarMember(name: "x", kind: .file, size: 1))
        }
    }
}
