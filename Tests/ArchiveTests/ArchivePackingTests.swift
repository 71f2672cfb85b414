import NIOCore
import OCI
import Testing

@testable import Archive

@Suite(.timeLimit(.minutes(10)))
struct ArchivePackingTests {
    private static func blob(_ seed: UInt64, _ size: Int64) -> ArchiveDocument.Blob {
        let digest = Digest.of(ByteBuffer(integer: seed))
        return ArchiveDocument.Blob(digest: digest, size: size)
    }

    @Test(
        "Every blob is in exactly one volume, whole or in parts that cover it",
        arguments: [40_000, 64_000, 1_000_000]
    )
    func covers(capacity: Int64) {
        let blobs = (0..<200).map { Self.blob($0, [0, 1, 511, 512, 20_000, 39_000, 250_000][Int($0) % 7]) }
        let shares = ArchivePacking(capacity: capacity).shares(of: blobs)
        let whole = shares.flatMap(\.blobs)
        let cuts = shares.flatMap(\.cuts)
        #expect(Set(whole).count == whole.count)
        #expect(Set(whole).union(cuts.map(\.blob)) == Set(blobs))
        #expect(Set(whole).isDisjoint(with: cuts.map(\.blob)))
        for (blob, parts) in Dictionary(grouping: cuts, by: \.blob) {
            var offset: Int64 = 0
            for (index, part) in parts.enumerated() {
                #expect(part.index == index && part.offset == offset && part.length > 0)
                offset += part.length
            }
            #expect(offset == blob.size && parts.count > 1)
        }
        for share in shares {
            let bytes =
                share.blobs.reduce(0) { $0 + ArchivePacking.cost(of: $1) } + share.cuts.reduce(0) { $0 + $1.length }
            #expect(bytes <= capacity && bytes > 0)
        }
    }

    @Test("What fits is not cut, and what follows a blob's last part fills its volume up")
    func order() {
        let (small, large) = (Self.blob(1, 10_000), Self.blob(2, 100_000))
        let shares = ArchivePacking(capacity: 80_000).shares(of: [small, large, Self.blob(3, 10_000)])
        #expect(shares.count == 2)
        #expect(shares[0].blobs == [small] && shares[0].cuts.map(\.blob) == [large])
        #expect(shares[1].cuts.map(\.index) == [1] && shares[1].blobs.count == 1)
    }
}
