import CacheSupport
import NIOCore
import OCI
import Testing

@testable import Archive

/// What the volumes of a set of many signed images cost.
@Suite(.timeLimit(.minutes(10)))
struct ArchiveDraftTests {
    private static func blob(_ name: String) -> ArchiveDocument.Blob {
        let bytes = ByteBuffer(string: name)
        return .init(digest: .of(bytes), size: Int64(bytes.readableBytes))
    }

    private static func list(_ number: Int, of place: RepositoryReference) throws -> ReferrerList {
        let blob = blob("list \(number)")
        return ReferrerList(
            repository: place,
            tag: try blob.digest.referrersTag,
            descriptor: try #require(Descriptor(mediaType: .ociIndex, digest: blob.digest, size: blob.size)),
            text: ByteBuffer(),
            key: blob.digest
        )
    }

    @Test("Each volume finds its own of tens of thousands of lists without going through all of them for each")
    func lists() async throws {
        let place = try RepositoryReference("a.example.com/x")
        let lists = try (0..<150_000).map { try Self.list($0, of: place) }
        let referrers = ["b", "a"].map { name in
            let descriptor = Descriptor(mediaType: .ociManifest, bytes: ByteBuffer(string: name))
            return ArchiveDocument.Referrer(repository: place, descriptor: descriptor)
        }
        var contents = ArchiveContents(images: [])
        contents.referrers = referrers
        let shares = lists.prefix(40).map { ArchivePacking.Share(blobs: [$0.blob]) }
        let draft = ArchiveDraft(
            contents: contents,
            referrers: referrers.sorted(),
            count: 40,
            blobs: BlobList(lists.prefix(40).map(\.blob)),
            omitted: [],
            lists: lists
        )
        try await withCache { cache, _ in
            let volumes = try await draft.volumes(shares, parts: [:], in: cache) { _ in nil }
            #expect(volumes.count == 40)
            for (volume, list) in zip(volumes, lists) {
                #expect(volume.document.referrers == referrers.sorted())
                let head = String(buffer: volume.head)
                let named = head.ranges(of: "\"\(place):\(list.tag)\"").count
                #expect(named > 0 && head.ranges(of: "\"\(place):sha256-").count == named)
            }
        }
    }
}
